"""The bot makes itself known to Telegram: its webhook, or its polling, and its commands."""

import asyncio
import logging
import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sqlalchemy import text

from bread_bot.bot.command import CommandTable
from bread_bot.bot.context import Bot
from bread_bot.bot.errors import TelegramError
from bread_bot.bot.polling import poll
from bread_bot.bot.presence import Presence
from bread_bot.bot.schemas.update import Update
from bread_bot.bot.telegram import ALLOWED_UPDATES, TelegramClient
from bread_bot.main.database.base import async_session
from bread_bot.main.settings import settings
from bread_bot.utils.masking import hide

logger = logging.getLogger(__name__)

_sleep = asyncio.sleep  # a seam: tests pause without waiting

_DESCRIPTION_LIMIT = 256
_MENU_LIMIT = 100

_KEEP_SECRET = text("""
    INSERT INTO singleton AS kept (name, value) VALUES (:name, :value)
    ON CONFLICT (name) DO UPDATE SET value = COALESCE(kept.value, excluded.value)
    RETURNING value
    """)


async def webhook_secret() -> str | None:
    """What Telegram sends with every update: WEBHOOK_SECRET, else one that is made once and kept in the database.

    :return: None where no webhook is set and no secret is asked for
    """
    if settings.WEBHOOK_SECRET is not None:
        return settings.WEBHOOK_SECRET.get_secret_value()
    if settings.WEBHOOK_URL is None:
        return None
    async with async_session() as session, session.begin():
        parameters = {"name": "webhook secret", "value": secrets.token_urlsafe(32)}
        kept = str(await session.scalar(_KEEP_SECRET, parameters))
    hide(kept)
    return kept


async def webhook() -> dict[str, Any]:
    """The webhook at WEBHOOK_URL as setWebhook takes it."""
    payload: dict[str, Any] = {
        "url": str(settings.WEBHOOK_URL),
        "allowed_updates": list(ALLOWED_UPDATES),
        "max_connections": settings.WEBHOOK_MAX_CONNECTIONS,
    }
    if (secret := await webhook_secret()) is not None:
        payload["secret_token"] = secret
    return payload


def menu(table: CommandTable) -> list[dict[str, str]]:
    """The commands as setMyCommands takes them."""
    commands = [{"command": one.slash, "description": one.summary[:_DESCRIPTION_LIMIT]} for one in table.commands]
    return commands[:_MENU_LIMIT]


class Announcer:
    """Asks Telegram who the bot is; in one process of all, sets the webhook or polls, and registers the commands."""

    def __init__(
        self,
        telegram: TelegramClient,
        presence: Presence,
        table: CommandTable,
        introduce: Callable[[Bot], None],
        handle: Callable[[Update], Any],
    ) -> None:
        self._telegram = telegram
        self._presence = presence
        self._table = table
        self._introduce = introduce
        self._handle = handle
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Do so in the background: the server serves meanwhile."""
        self._tasks = [
            asyncio.create_task(self._meet(), name="getMe"),
            asyncio.create_task(self._lead(), name="announcement"),
        ]

    async def stop(self) -> None:
        """Stop polling; the webhook stays set."""
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _meet(self) -> None:
        me = await self._insist("getMe", {})
        bot = Bot(me["id"], me.get("username"), bool(me.get("can_read_all_group_messages", True)))
        self._introduce(bot)
        logger.info("The bot is @%s", bot.username)

    async def _lead(self) -> None:
        while not await self._is_leader():
            await asyncio.sleep(settings.LEASE_SECONDS / 4)
        await self._insist("setMyCommands", {"commands": menu(self._table)})
        logger.info("%d commands are registered with setMyCommands", len(menu(self._table)))
        if settings.WEBHOOK_URL is None:
            await self._insist("deleteWebhook", {})
            logger.info("WEBHOOK_URL is not set: the bot polls by getUpdates")
            await poll(self._telegram, self._handle, self._is_leader)
            return
        await self._insist("setWebhook", await webhook())
        logger.info("The webhook is set to %s", settings.WEBHOOK_URL)

    async def _is_leader(self) -> bool:
        try:
            return await self._presence.take_duty("announcement")
        except Exception as error:
            logger.warning("The database does not say who announces the bot: %s", type(error).__name__)
            return False

    async def _insist(self, method: str, payload: dict[str, Any]) -> Any:
        """Call a method until Telegram answers; a refusal is logged, and asked again more and more seldom."""
        delay = 1.0
        while True:
            try:
                return await self._telegram.call(method, payload)
            except TelegramError as error:
                logger.warning("%s does not succeed: %s", method, error)
            await _sleep(delay)
            delay = min(delay * 2, 300.0)
