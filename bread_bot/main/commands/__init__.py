"""The operator's commands: `python -m bread_bot --help`. Each module of this package declares some of them."""

import asyncio
import importlib
import logging
import pkgutil
import signal
import sys
from collections.abc import Coroutine
from typing import Any, NoReturn, TypeVar

import typer
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError

from bread_bot.bot.errors import TelegramError
from bread_bot.bot.telegram import TelegramClient
from bread_bot.main.database.base import dispose_engines, is_unavailable
from bread_bot.main.database.embedded import EmbeddedDatabaseError
from bread_bot.main.settings import settings
from bread_bot.utils.base_client import close_pool
from bread_bot.utils.json_logger import hide_settings

T = TypeVar("T")

application = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

_NO_SUCH_TABLE_OR_COLUMN = ("42P01", "42703")


@application.callback()
def describe() -> None:
    """Bread Bot: what its operator may need."""


def fail(reason: str) -> NoReturn:
    """End the command with a line on stderr and exit status 1."""
    typer.echo(reason, err=True)
    raise typer.Exit(1)


def confirm(question: str, is_confirmed: bool) -> None:
    """Ask before what can't be undone, unless --yes was given; anything but yes ends the command."""
    if is_confirmed:
        return
    if not sys.stdin.isatty():
        fail("There is no terminal to ask at: add --yes.")
    typer.confirm(question, abort=True)


def telegram_client(purpose: str) -> TelegramClient:
    """The Bot API for the bot of the settings; without a token the command ends."""
    if settings.TELEGRAM_BOT_TOKEN is None:
        fail(f"TELEGRAM_BOT_TOKEN is needed {purpose}.")
    return TelegramClient(settings.TELEGRAM_BOT_TOKEN.get_secret_value(), str(settings.TELEGRAM_API_URL))


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run it, and close what it has opened, also when the process is told to end."""

    async def run_and_close() -> T:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        try:
            return await work
        finally:
            await close_pool()
            await dispose_engines()

    try:
        return asyncio.run(run_and_close())
    except asyncio.CancelledError:
        raise SystemExit(128 + signal.SIGTERM) from None


def main() -> None:
    """Run the command that the command line names; exit status 1 when it fails, 2 when it can't be understood."""
    for found in pkgutil.iter_modules(__path__, f"{__name__}."):
        importlib.import_module(found.name)
    logging.getLogger("bread_bot").addHandler(logging.NullHandler())  # each command tells what fails in its own words
    hide_settings()
    try:
        application()
    except (SQLAlchemyError, EmbeddedDatabaseError) as error:
        raise SystemExit(_reason(error)) from None
    except TelegramError as error:
        raise SystemExit(f"Telegram: {error}") from None


def _reason(error: SQLAlchemyError | EmbeddedDatabaseError) -> str:
    """What stands in the way, in one line.

    :raises SQLAlchemyError: it is a mistake of the program
    """
    if isinstance(error, ProgrammingError) and getattr(error.orig, "sqlstate", None) in _NO_SUCH_TABLE_OR_COLUMN:
        return "The database does not have the newest tables: run `alembic upgrade head` first."
    if not is_unavailable(error):
        raise error
    return f"The database can't be used: {' '.join(str(getattr(error, 'orig', error)).split())}"
