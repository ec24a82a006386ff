"""What the bot does and holds, in figures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

import typer
from sqlalchemy import func, select

from bread_bot.bot.figures import BusyChat, Figures, busiest_chats, chats_by_type, figures
from bread_bot.main.commands import application, run
from bread_bot.main.database.base import async_session
from bread_bot.packs.models import Taught

_BUSY_DAYS = 7


@dataclass(frozen=True, slots=True)
class Stats:
    """All figures: the bot's own, and those of what its chats have taught."""

    figures: Figures
    chats_by_type: Mapping[str, int]
    taught_by_reaction: Mapping[str, int]
    busiest_chats: Sequence[BusyChat]


@application.command()
def stats(as_json: Annotated[bool, typer.Option("--json", help="For machines")] = False) -> None:
    """Show the bot's figures: chats, people, taught values, what was said, and how delivery stands. Days are UTC's."""
    found = run(_read())
    if as_json:
        typer.echo(json.dumps(asdict(found), ensure_ascii=False, default=str, indent=2))
    else:
        _show(found)


async def _read() -> Stats:
    by_reaction = select(Taught.reaction, func.count()).group_by(Taught.reaction).order_by(Taught.reaction)
    async with async_session() as session:
        return Stats(
            await figures(session),
            await chats_by_type(session),
            {reaction: number for reaction, number in await session.execute(by_reaction)},
            await busiest_chats(session, _BUSY_DAYS),
        )


def _show(stats: Stats) -> None:
    now, taught = stats.figures, stats.taught_by_reaction
    lines = {
        "Chats": f"{now.chats:,}{_shares(stats.chats_by_type)}, and {now.left_chats:,} that the bot has left",
        "Members": f"{now.members:,}",
        "Taught values": f"{sum(taught.values()):,}{_shares(taught)}",
        "Updates today": f"{now.updates:,}",
        "Answers today": f"{now.answers:,}",
        "Outbox": f"{now.waiting:,} waiting, {now.dead:,} refused by Telegram",
        "Slow commands": f"{now.deferred:,} waiting",
        "Set aside": f"{now.set_aside:,} (updates that fail)",
    }
    for name, value in lines.items():
        typer.echo(f"{name:<16}{value}")
    typer.echo(f"\n{'Day':<16}" + _columns("messages", "commands", "taught", "people", "chats"))
    for day in now.days:
        typer.echo(f"{day.day!s:<16}" + _columns(day.messages, day.commands, day.taught, day.people, day.chats))
    if stats.busiest_chats:
        typer.echo(f"\n{f'Last {_BUSY_DAYS} days':<16}" + _columns("messages", "commands", "people"))
    for chat in stats.busiest_chats:
        title = "".join(filter(str.isprintable, chat.title))
        columns = _columns(chat.messages, chat.commands, chat.people)
        typer.echo(f"{chat.id:<16}{columns}  {chat.type} {title}".rstrip())


def _columns(*cells: int | str) -> str:
    return "".join(f"{cell:>10,}" if isinstance(cell, int) else f"{cell:>10}" for cell in cells)


def _shares(parts: Mapping[str, int]) -> str:
    return f" ({', '.join(f'{number:,} {name}' for name, number in parts.items())})" if parts else ""
