"""One message as a handler sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bread_bot.bot.errors import AdministratorsUnknown
from bread_bot.bot.models import ChatToMember
from bread_bot.bot.schemas.update import ChatInfo, Message, User
from bread_bot.bot.switches import Switch, T

if TYPE_CHECKING:
    from bread_bot.bot.command import Command, CommandTable
    from bread_bot.bot.telegram import TelegramClient

ADMINISTRATORS_FRESH = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Bot:
    """Who the bot is to Telegram: `id` is the number before the colon of its token."""

    id: int
    username: str | None = None
    reads_everything: bool = True


@dataclass(frozen=True, slots=True)
class Context:
    """One message (or press on a button), frozen: what was said, where, by whom, and the transaction to work in.

    `text` is the text or caption; `rest` is what follows the bot's name, None where the bot was not called;
    `alias` is the word by which the command was called.
    `settings` are the chat's, read through switches. `notes` is a place where a handler leaves, for «почему», what made
    it answer or keep silent (JSON); `prepared` is where preparations leave what listeners need. Only deferred commands
    may ask Telegram something: they have `telegram`.
    """

    update_id: int
    message: Message
    chat: ChatInfo
    author: User | None
    bot: Bot
    table: "CommandTable"
    session: AsyncSession
    random: Random
    now: datetime
    text: str = ""
    rest: str | None = None
    command: "Command | None" = None
    alias: str = ""
    argument: str = ""
    is_edit: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    administrators_at: datetime | None = None
    prepared: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    telegram: "TelegramClient | None" = None

    @property
    def replied(self) -> Message | None:
        """The message that this one replies to."""
        return self.message.reply_to_message

    def get(self, switch: Switch[T]) -> T:
        """What is set in this chat."""
        return switch.of(self.settings)

    async def set(self, switch: Switch[T], value: T) -> None:
        """Set something in this chat."""
        await switch.set(self.session, self.chat.id, value)

    async def knows_administrators(self) -> None:
        """Make sure that the chat's administrators are known and fresh.

        :raises AdministratorsUnknown: Telegram must be asked first; the dispatcher asks, and runs the command again
        """
        if not self.chat.is_group:
            return
        if self.administrators_at is None or self.now - self.administrators_at > ADMINISTRATORS_FRESH:
            raise AdministratorsUnknown

    async def is_administrator(self) -> bool:
        """Whether the author may manage this chat; in a private chat its one member may.

        :raises AdministratorsUnknown: see knows_administrators
        """
        if not self.chat.is_group or self.message.is_anonymous_admin:
            return True
        if self.author is None:
            return False
        await self.knows_administrators()
        found = await self.session.scalar(
            select(ChatToMember.is_administrator).where(
                ChatToMember.chat_id == self.chat.id, ChatToMember.member_id == self.author.id
            )
        )
        return bool(found)

    async def let_go(self) -> None:
        """Commit, and give the connection back before the outside is awaited; for deferred commands only."""
        await self.session.commit()
