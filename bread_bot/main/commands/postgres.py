"""PostgreSQL's own programs, with the bot's database: to back it up, to restore it, to look into it."""

import os
import signal
import subprocess
from typing import Annotated

import typer

from bread_bot.main.commands import application, fail
from bread_bot.main.database import embedded
from bread_bot.main.database.base import database_url
from bread_bot.main.settings import DATABASE_SETTINGS, settings

_UNPARSED = {"allow_extra_args": True, "ignore_unknown_options": True, "allow_interspersed_args": False}


@application.command("postgres", context_settings=_UNPARSED)
def run_program(
    context: typer.Context,
    program: Annotated[str, typer.Argument(help="pg_dump, pg_restore, psql; what follows is for it")],
) -> None:
    """Run a program of PostgreSQL with the bot's database, the embedded one or another."""
    if settings.DB_PGBOUNCER:  # what they set for a session would stay in a connection that the bot gets next
        fail(
            "PostgreSQL's programs can't go through PgBouncer: for this command, set DB_HOST and DB_PORT to PostgreSQL "
            "itself, and DB_PGBOUNCER=false."
        )
    path = embedded.binaries() / program
    if not path.is_file():
        fail(f"PostgreSQL has no program {program!r}: pg_dump, pg_restore and psql are some of its.")
    database_url("psycopg")  # the embedded database runs from here on
    address = DATABASE_SETTINGS["default"]
    environment = os.environ | {
        "PGHOST": address["host"],
        "PGPORT": str(address["port"]),
        "PGUSER": address["user"],
        "PGDATABASE": address["database"],
    }
    if address["password"] is not None:
        environment["PGPASSWORD"] = address["password"]
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is the program's: in psql it ends a statement, not psql
    raise typer.Exit(subprocess.run([str(path), *context.args], env=environment).returncode)
