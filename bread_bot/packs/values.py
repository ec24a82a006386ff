"""Single values of a pack, as admins teach and change them: by the API and on the admin site."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bread_bot.bot.answers import Answer
from bread_bot.bot.errors import CommandError
from bread_bot.packs import pack
from bread_bot.packs.models import Taught
from bread_bot.packs.reactions import Reaction


class UnfitValue(Exception):
    """A value can't be taught so; `field` is what is wrong with it: key or value."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


class TaughtAlready(Exception):
    """The chat knows that value for this key already."""


async def teach(
    session: AsyncSession,
    chat_id: int,
    command: str,
    reaction: Reaction,
    key: str,
    said: Answer,
    author_id: int | None = None,
) -> Taught:
    """Teach a chat one value; `command` is what «отмени» calls it.

    :raises UnfitValue: it can't be taught
    :raises TaughtAlready: there is nothing to teach
    """
    row = _fit_row(chat_id, reaction, key, said, author_id)
    with _refusing():
        added = await pack.teach(session, chat_id, command, [row])
    return await _new(session, row, bool(added))


async def change(
    session: AsyncSession, row: Taught, command: str, *, key: str, value: str, caption: str | None
) -> Taught:
    """Change a value, as one step for «отмени»; it keeps its author, and gets a new number.

    :raises UnfitValue: it can't be taught so
    :raises TaughtAlready: there is one like that
    """
    if (key, value, caption) == (row.key, row.value, row.caption):
        return row
    unique = row.file_unique_id if value == row.value else ""
    said = Answer(value, row.kind, caption, unique)
    new = _fit_row(row.chat_id, Reaction(row.reaction), key, said, row.author_id)
    try:
        with _refusing():
            added = await pack.replace(session, row.chat_id, command, row.id, new)
    except LookupError:
        reason = "Somebody has changed or deleted this value meanwhile: look at it again"
        raise UnfitValue("value", reason) from None
    return await _new(session, new, added)


def _fit_row(chat_id: int, reaction: Reaction, key: str, said: Answer, author_id: int | None) -> dict[str, Any]:
    if reaction.has_key != bool(key.strip()):
        raise UnfitValue("key", f"A {reaction} needs {'a' if reaction.has_key else 'no'} key")
    if not said.value.strip():
        raise UnfitValue("value", "The value is blank")
    return pack.taught_values(chat_id, reaction, key.strip(), said, author_id)


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except CommandError as error:
        raise UnfitValue("key", str(error)) from None


async def _new(session: AsyncSession, row: Mapping[str, Any], is_new: bool) -> Taught:
    if not is_new:
        raise TaughtAlready("This chat knows that value for this key already")
    taught = await Taught.async_first(session, Taught.chat_id == row["chat_id"], Taught.digest == row["digest"])
    assert taught is not None
    return taught
