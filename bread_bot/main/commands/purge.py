"""Commands that throw away what is old, or a chat's."""

from collections.abc import Sequence
from typing import Annotated

import typer
from sqlalchemy import func

from bread_bot.bot.forgetting import count_rows, forget_chats
from bread_bot.bot.janitor import clean_up
from bread_bot.bot.models import Chat
from bread_bot.main import apps
from bread_bot.main.commands import application, confirm, fail, run
from bread_bot.main.database.base import async_session
from bread_bot.main.settings import settings

_STATEMENT_SECONDS = 600.0  # a large chat goes in one statement, and the operator waits for it
_SHOWN = 20

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell what would be deleted")]

group = typer.Typer(no_args_is_help=True)
application.add_typer(group, name="purge", help="Delete a chat, the chats that the bot has left, or what is old.")


@group.callback()
def prepare() -> None:
    """Delete a chat, the chats that the bot has left, or what is old."""
    settings.DB_STATEMENT_TIMEOUT = _STATEMENT_SECONDS
    apps.import_models()


@group.command("chat", context_settings={"ignore_unknown_options": True})
def purge_chat(
    chat_id: Annotated[int, typer.Argument(help="Telegram's id of the chat")],
    is_confirmed: Yes = False,
    is_dry_run: DryRun = False,
) -> None:
    """Delete all of one chat: what it taught, what was counted, its answers, and people known from nowhere else.

    As long as the bot is in the chat, the next message there makes it known again. `export` saves what it taught.
    """
    chats = run(_chats([chat_id]))
    if not chats:
        fail(f"There is no chat {chat_id}.")
    _purge(chats, is_confirmed, is_dry_run)


@group.command("left")
def purge_left(
    days: Annotated[int, typer.Option(min=0, help="Only those left longer ago than so many days")] = 30,
    is_confirmed: Yes = False,
    is_dry_run: DryRun = False,
) -> None:
    """Delete all of the chats that the bot left long ago."""
    chats = run(_left_chats(days))
    if not chats:
        typer.echo(f"There is no chat that the bot left more than {days} days ago.")
        return
    _purge(chats, is_confirmed, is_dry_run)


@group.command("updates")
def purge_updates() -> None:
    """Delete what HANDLED_HOURS make old: marks of updates, sent answers; the server does so by and by."""
    typer.echo(f"{run(_clean_up()):,} rows are deleted.")


def _purge(chats: Sequence[Chat], is_confirmed: bool, is_dry_run: bool) -> None:
    for chat in chats[:_SHOWN]:
        title = "".join(filter(str.isprintable, chat.title))
        state = f"left at {chat.left_at:%Y-%m-%d %H:%M} UTC" if chat.left_at else "the bot is there"
        typer.echo(f"{chat.type} {chat.id} «{title}», {state}")
    if len(chats) > _SHOWN:
        typer.echo(f"and {len(chats) - _SHOWN:,} more")
    chat_ids = [chat.id for chat in chats]
    for table, number in run(_count(chat_ids)).items():
        typer.echo(f"{number:>12,} {table}")
    if is_dry_run:
        typer.echo("This was a dry run: nothing is deleted.")
        return
    confirm(f"Delete all of {len(chats):,} chat{'s' * (len(chats) > 1)}?", is_confirmed)
    run(_forget(chat_ids))
    typer.echo("It is deleted.")


async def _chats(chat_ids: Sequence[int]) -> Sequence[Chat]:
    async with async_session() as session:
        return await Chat.async_filter(session, Chat.id.in_(chat_ids))


async def _left_chats(days: int) -> Sequence[Chat]:
    async with async_session() as session:
        return await Chat.async_filter(
            session, Chat.left_at < func.now() - func.make_interval(0, 0, 0, days), order_by=Chat.left_at
        )


async def _count(chat_ids: Sequence[int]) -> dict[str, int]:
    async with async_session() as session:
        counts = await count_rows(session, chat_ids)
    return {"chat": len(chat_ids)} | counts


async def _forget(chat_ids: Sequence[int]) -> None:
    async with async_session() as session, session.begin():
        await forget_chats(session, chat_ids)


async def _clean_up() -> int:
    gone = 0
    async with async_session() as session:
        while more := await clean_up(session):
            gone += more
    return gone
