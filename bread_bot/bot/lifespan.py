"""What the bot keeps running while the server serves."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI

from bread_bot.bot.announcement import Announcer, webhook_secret
from bread_bot.bot.command import CommandTable
from bread_bot.bot.context import Bot
from bread_bot.bot.deferred import Deferrer
from bread_bot.bot.dispatcher import Dispatcher
from bread_bot.bot.janitor import Janitor
from bread_bot.bot.outbox import Outbox
from bread_bot.bot.presence import Presence
from bread_bot.bot.telegram import TelegramClient
from bread_bot.main.settings import settings

logger = logging.getLogger(__name__)

FINISH_SECONDS = 10.0


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Build the bot, start it, and at the end finish what is in hand and give the rest back."""
    table: CommandTable = app.state.commands
    token = settings.TELEGRAM_BOT_TOKEN.get_secret_value() if settings.TELEGRAM_BOT_TOKEN else "0:none"
    telegram = TelegramClient(token, str(settings.TELEGRAM_API_URL))
    presence = Presence()
    outbox = Outbox(telegram, presence)
    deferrer = Deferrer(telegram, presence, outbox)
    dispatcher = Dispatcher(table, Bot(int(token.partition(":")[0])), outbox, deferrer)
    deferrer.dispatcher = dispatcher
    announcer = Announcer(telegram, presence, table, dispatcher.introduce, dispatcher.handle)
    janitor = Janitor()
    app.state.telegram, app.state.outbox, app.state.deferrer, app.state.dispatcher = (
        telegram,
        outbox,
        deferrer,
        dispatcher,
    )
    app.state.webhook_secret = await webhook_secret()
    await presence.beat()
    for part in (presence, outbox, deferrer, janitor):
        part.start()
    if settings.TELEGRAM_BOT_TOKEN is not None:
        announcer.start()
    else:
        logger.warning("TELEGRAM_BOT_TOKEN is not set: the server serves, the bot is silent. @BotFather gives tokens")
    try:
        yield
    finally:
        clock = asyncio.get_running_loop().time
        end = clock() + FINISH_SECONDS
        await announcer.stop()
        await janitor.stop()
        with suppress(TimeoutError):  # the database hangs: Telegram will deliver these again
            await dispatcher.drain(FINISH_SECONDS / 2)
        await deferrer.stop((end - clock()) / 2)
        await outbox.stop(end - clock())
        await presence.stop()
