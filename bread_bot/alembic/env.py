"""How Alembic reaches the database and finds the tables of every app."""

from logging.config import fileConfig
from typing import Any

from alembic import context
from alembic.util import CommandError
from sqlalchemy import text

from bread_bot.main.apps import AppError, import_models
from bread_bot.main.database.base import Base, get_sync_engine, is_unavailable

LOCK = 0x42_52_45_41_44  # any number that is only ours
LOCK_TIMEOUT = "10s"
STATEMENT_TIMEOUT = "10min"
OPTIONS: dict[str, Any] = {"target_metadata": Base.metadata, "compare_type": True, "compare_server_default": True}


def run_online() -> None:
    """Migrate in one transaction; of several processes that start at once, one migrates and the others wait."""
    engine = get_sync_engine()
    try:
        with engine.connect() as connection, connection.begin():
            connection.execute(text(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'"))
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            # set after that wait: a migration that waits for a table makes everybody wait behind it
            connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
            context.configure(connection=connection, **OPTIONS)
            context.run_migrations()
    finally:
        engine.dispose()


def run_offline() -> None:
    """Print the SQL instead of running it."""
    context.configure(dialect_name="postgresql", literal_binds=True, **OPTIONS)
    with context.begin_transaction():
        context.run_migrations()


def run() -> None:
    """Do what the command asks for; at the command line, what stands in the way is told in one line."""
    is_programmatic = context.config.attributes.get("is_programmatic", False)
    if context.config.config_file_name is not None and not is_programmatic:  # the program has logging of its own
        fileConfig(context.config.config_file_name, disable_existing_loggers=False)
    try:
        import_models()
        if context.is_offline_mode():
            run_offline()
        else:
            run_online()
    except Exception as error:
        if is_programmatic or not (isinstance(error, AppError) or is_unavailable(error)):
            raise
        raise CommandError(" ".join(str(getattr(error, "orig", error)).split())) from None


run()
