"""Commands that show the pack."""

from typing import Any

from sqlalchemy import func, select

from bread_bot.bot.answers import Answer, Button, Edit, Reply, received
from bread_bot.bot.command import button, command
from bread_bot.bot.context import Context
from bread_bot.bot.errors import UsageError
from bread_bot.main.settings import settings
from bread_bot.packs.handlers.teaching import replied_condition, shown, shown_value
from bread_bot.packs.models import Taught
from bread_bot.packs.reactions import Kind, Reaction
from bread_bot.utils.text import cut, utf16_length

PAGE = 20
_PAGE_UNITS = 4096
_LINE = 190
_VALUES = 20


@command("покажи", slash="show", examples=["Хлеб покажи триггеры", "Хлеб покажи ответы"])
async def answer_show(context: Context, kind: Kind) -> Reply:
    """Показать, чему бот научен в этом чате."""
    text, buttons = await _page(context, kind.reaction, 0)
    return Answer(text, buttons=buttons)


@button("show")
async def turn_page(context: Context, rest: str) -> Reply:
    """Turn the page of a list; anybody in the chat may, since anybody may ask for the list."""
    name, _, number = rest.partition(" ")
    if name not in set(Reaction) or not number.isdecimal():
        return None
    text, buttons = await _page(context, Reaction(name), int(number[:9]))
    return Edit(text, buttons)


@command("покажи ключи", "show keys", slash="show_keys", examples=["Хлеб покажи ключи"])
async def answer_show_keys(context: Context) -> Reply:
    """Показать, какие ключи ведут к сообщению, на которое отвечаешь."""
    said = received(context.replied) if context.replied is not None else None
    if said is None:
        raise UsageError("Ответь этой командой на сообщение.")
    rows = await Taught.async_filter(
        context.session,
        Taught.chat_id == context.chat.id,
        replied_condition(said),  # type: ignore[arg-type]
        order_by=[Taught.reaction, Taught.normal_key],
    )
    lines = [f"{Reaction(row.reaction).words[0]} {shown(row.key)}".rstrip() for row in rows]
    return "\n".join(lines) or "К этому сообщению не ведёт ни один ключ."


async def _page(context: Context, reaction: Reaction, number: int) -> tuple[str, tuple[tuple[Button, ...], ...]]:
    """One page of what is taught, and the buttons to the others."""
    belongs = (Taught.chat_id == context.chat.id, Taught.reaction == reaction)
    column = Taught.key_digest if reaction.has_key else Taught.id
    total = await context.session.scalar(select(func.count(column.distinct())).where(*belongs)) or 0
    if not total:
        return f"Пусто: ни одного слова про «{reaction.words[-1]}» я пока не знаю.", ()
    last = (total - 1) // PAGE
    number = min(number, last)
    lines = await (_keyed_lines if reaction.has_key else _keyless_lines)(context, belongs, number * PAGE)
    head = f"{reaction.words[-1].capitalize()}, {number + 1} из {last + 1}:" if last else ""
    text = "\n".join([head, *lines] if head else lines)
    if utf16_length(text) > _PAGE_UNITS:
        text = "\n".join([cut(line, _LINE) for line in ([head, *lines] if head else lines)])
    row = []
    if number > 0:
        row.append(Button("‹ Назад", f"show {reaction} {number - 1}"))
    if number < last:
        row.append(Button("Дальше ›", f"show {reaction} {number + 1}"))
    return text, (tuple(row),) if row else ()


async def _keyed_lines(context: Context, belongs: Any, offset: int) -> list[str]:
    keys = (
        select(Taught.key_digest, func.min(Taught.normal_key).label("normal_key"))
        .where(*belongs)
        .group_by(Taught.key_digest)
        .order_by(func.min(Taught.normal_key))
        .limit(PAGE)
        .offset(offset)
    ).subquery()
    place = func.row_number().over(partition_by=Taught.key_digest, order_by=Taught.id).label("place")
    number = func.count().over(partition_by=Taught.key_digest).label("number")
    ranked = (
        select(keys.c.normal_key, Taught.key_digest, Taught.key, Taught.kind, Taught.value, place, number)
        .join(keys, keys.c.key_digest == Taught.key_digest)
        .where(*belongs)
    ).subquery()
    rows = await context.session.execute(
        select(ranked).where(ranked.c.place <= _VALUES).order_by(ranked.c.normal_key, ranked.c.place)
    )
    found: dict[str, tuple[str, list[str], int]] = {}
    for row in rows:
        _, values, _ = found.setdefault(row.key_digest, (shown(row.key), [], row.number))
        values.append(shown_value(row.kind, row.value, settings.SHOW_STR_LIMIT))
    return [
        f"{key} = [{'; '.join(values)}{f'; … всего {number}' if number > len(values) else ''}]"
        for key, values, number in found.values()
    ]


async def _keyless_lines(context: Context, belongs: Any, offset: int) -> list[str]:
    rows = await Taught.async_filter(context.session, *belongs, order_by=[Taught.value], limit=PAGE, offset=offset)
    return [shown_value(row.kind, row.value, settings.SHOW_STR_LIMIT) for row in rows]
