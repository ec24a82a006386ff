"""What a chat can have set differently: declared by the app it belongs to, kept in Chat.settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from bread_bot.bot.models.chat import Chat

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Switch(Generic[T]):
    """A named setting of a chat and its value where nobody has set it; T is what JSON holds.

    Reading it costs nothing: a chat's settings come with the update.
    """

    name: str
    default: T

    def of(self, settings: Mapping[str, Any]) -> T:
        """The value in a chat's settings."""
        return cast(T, settings.get(self.name, self.default))

    async def set(self, session: AsyncSession, chat_id: int, value: T) -> None:
        """Set the value for a chat, as part of the session's transaction."""
        await set_all(session, chat_id, {self: value})


async def set_all(session: AsyncSession, chat_id: int, values: Mapping[Switch[T], T]) -> None:
    """Set several values for a chat in one statement; the chat's other settings stay."""
    changed = Chat.settings.op("||")({switch.name: value for switch, value in values.items()})
    await session.execute(update(Chat).where(Chat.id == chat_id).values(settings=changed))
