"""Single values of a pack, as admins teach and change them: by the API and on the admin site."""

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
    if reaction.has_key != bool(key.strip()):
        raise UnfitValue("key", f"A {reaction} needs {'a' if reaction.has_key else 'no'} key")
    if not said.value.strip():
        raise UnfitValue("value", "The value is blank")
    row = pack.taught_values(chat_id, reaction, key.strip(), said, author_id)
    try:
        added = await pack.teach(session, chat_id, command, [row])
    except CommandError as error:
        raise UnfitValue("key", str(error)) from None
    if not added:
        raise TaughtAlready("This chat knows that value for this key already")
    taught = await Taught.async_first(session, Taught.chat_id == chat_id, Taught.digest == row["digest"])
    assert taught is not None
    return taught


async def change(
    session: AsyncSession, row: Taught, command: str, *, key: str, value: str, caption: str | None
) -> Taught:
    """Change a value; it keeps its author, and gets a new number.

    :raises UnfitValue: it can't be taught so
    :raises TaughtAlready: there is one like that
    """
    if (key, value, caption) == (row.key, row.value, row.caption):
        return row
    unique = row.file_unique_id if value == row.value else ""
    if not await pack.forget(session, row.chat_id, command, Taught.id == row.id):
        raise UnfitValue("value", "Somebody has changed or deleted this value meanwhile: look at it again")
    said = Answer(value, row.kind, caption, unique)
    return await teach(session, row.chat_id, command, Reaction(row.reaction), key, said, row.author_id)
