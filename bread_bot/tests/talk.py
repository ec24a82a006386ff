"""Dialogues with the running app: what is said to it, and what it answers."""

from collections.abc import Sequence
from typing import Any

import httpx
from fastapi import FastAPI

from bread_bot.bot.deferred import Deferrer
from bread_bot.bot.dispatcher import Dispatcher
from bread_bot.bot.outbox import Outbox
from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.fake import BotAPI, Sent


class Talk:
    """One chat, in which somebody speaks and the bot may answer."""

    def __init__(self, app: FastAPI, client: httpx.AsyncClient, bot_api: BotAPI) -> None:
        self.app = app
        self.client = client
        self.bot_api = bot_api
        self.chat = updates.group()
        self.speaker = updates.people.anna
        self.last: dict[str, Any] = {}

    @property
    def dispatcher(self) -> Dispatcher:
        """The app's dispatcher."""
        dispatcher: Dispatcher = self.app.state.dispatcher
        return dispatcher

    def chance(self, seed: int) -> None:
        """Make all chance repeatable."""
        self.dispatcher.random.seed(seed)

    async def say(self, text: str | None = None, **options: Any) -> str | None:
        """Say something; the text (or caption) of what the bot answered, None for silence, lines of several joined."""
        answers = await self.hear(text, **options)
        return "\n".join(one.text or "" for one in answers) if answers else None

    async def hear(self, text: str | None = None, **options: Any) -> Sequence[Sent]:
        """Say something; all messages that the bot has sent because of it."""
        options.setdefault("chat", self.chat)
        options.setdefault("sender", self.speaker)
        return await self.post(updates.message(text, **options))

    async def post(self, update: dict[str, Any]) -> Sequence[Sent]:
        """Deliver an update as Telegram does; all messages that the bot has sent because of it."""
        before = len(self.bot_api.sent)
        self.last = update
        self.bot_api.note(update)
        response = await self.client.post("/", json=update)
        assert response.status_code == 200, response.text
        await self.settle()
        return self.bot_api.sent[before:]

    async def settle(self) -> None:
        """Wait until nothing is on its way any more."""
        deferrer: Deferrer = self.app.state.deferrer
        outbox: Outbox = self.app.state.outbox
        await deferrer.flush()
        await outbox.flush()
