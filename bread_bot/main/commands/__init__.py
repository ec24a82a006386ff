"""The operator's commands: `python -m bread_bot --help`. Each module of this package declares some of them."""

import importlib
import pkgutil
from typing import NoReturn

import typer
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError

from bread_bot.main.database.base import is_unavailable
from bread_bot.main.database.embedded import EmbeddedDatabaseError

application = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

_NO_SUCH_TABLE_OR_COLUMN = ("42P01", "42703")


@application.callback()
def describe() -> None:
    """Bread Bot: what its operator may need."""


def fail(reason: str) -> NoReturn:
    """End the command with a line on stderr and exit status 1."""
    typer.echo(reason, err=True)
    raise typer.Exit(1)


def main() -> None:
    """Run the command that the command line names; exit status 1 when it fails, 2 when it can't be understood."""
    for found in pkgutil.iter_modules(__path__, f"{__name__}."):
        importlib.import_module(found.name)
    try:
        application()
    except (SQLAlchemyError, EmbeddedDatabaseError) as error:
        raise SystemExit(_reason(error)) from None


def _reason(error: SQLAlchemyError | EmbeddedDatabaseError) -> str:
    """What stands in the way, in one line.

    :raises SQLAlchemyError: it is a mistake of the program
    """
    if isinstance(error, ProgrammingError) and getattr(error.orig, "sqlstate", None) in _NO_SUCH_TABLE_OR_COLUMN:
        return "The database does not have the newest tables: run `alembic upgrade head` first."
    if not is_unavailable(error):
        raise error
    return f"The database can't be used: {' '.join(str(getattr(error, 'orig', error)).split())}"
