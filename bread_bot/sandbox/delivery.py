"""The way of updates to the bot: to its webhook, or by getUpdates."""

import asyncio
import logging
import secrets
import time
from contextlib import suppress
from itertools import islice

from bread_bot.sandbox.refusal import Refusal
from bread_bot.sandbox.telegram import Telegram, chat_of
from bread_bot.sandbox.world import Json
from bread_bot.utils.base_client import BaseHTTPClient

logger = logging.getLogger(__name__)

_sleep = asyncio.sleep  # a seam: tests pause without waiting

_ANSWER_SECONDS = 60.0
_FIRST_DELAY = 1.0
_LONGEST_DELAY = 60.0
_MOST_UPDATES = 100
_LONGEST_POLL = 50


class Delivery:
    """Brings the bot its updates, those of a chat one after the other, and again until it takes them.

    :ivar failure: why the webhook did not take an update, and when that was
    """

    def __init__(self, telegram: Telegram) -> None:
        self._telegram = telegram
        self._running: asyncio.Task[None] | None = None
        self._busy: dict[int | None, asyncio.Task[None]] = {}
        self._poller = 0
        self.failure: tuple[int, str] | None = None

    def start(self, started: asyncio.Event) -> None:
        """Deliver in the background, once the server has started: before, a real one can't be reached."""
        self._running = asyncio.create_task(self._run(started), name="sandbox delivery")

    async def stop(self) -> None:
        """Stop; what is not delivered waits."""
        for task in (self._running, *self._busy.values()):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    # ---- to the webhook

    async def _run(self, started: asyncio.Event) -> None:
        await started.wait()
        while True:
            async with self._telegram.news:
                await self._telegram.news.wait_for(self._idle_chats)
            for chat_id in self._idle_chats():
                task = asyncio.create_task(self._deliver(chat_id), name=f"sandbox delivery to {chat_id}")
                self._busy[chat_id] = task

    def _idle_chats(self) -> set[int | None]:
        world = self._telegram.world
        return {chat_of(update) for update in world.waiting.values()} - set(self._busy) if world.webhook else set()

    def _next(self, chat_id: int | None) -> Json | None:
        world = self._telegram.world
        waiting = (update for update in world.waiting.values() if chat_of(update) == chat_id)
        return next(waiting, None) if world.webhook else None

    async def _deliver(self, chat_id: int | None) -> None:
        """Deliver what waits in a chat; what fails is tried again, later each time."""
        delay = _FIRST_DELAY
        try:
            while (update := self._next(chat_id)) is not None:
                try:
                    await self._send(update)
                    delay = _FIRST_DELAY
                except Exception as error:
                    logger.warning("The webhook does not take update %d, it is sent again", update["update_id"])
                    self.failure = int(time.time()), f"Wrong response from the webhook: {error}"
                    await _sleep(delay)
                    delay = min(delay * 2, _LONGEST_DELAY)
        finally:
            del self._busy[chat_id]

    async def _send(self, update: Json) -> None:
        webhook = self._telegram.world.webhook
        trace_id = secrets.token_hex(16)
        headers = {"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"}
        if secret := webhook.get("secret_token"):
            headers["x-telegram-bot-api-secret-token"] = secret
        begun = time.monotonic()
        await BaseHTTPClient(webhook["url"], timeout=_ANSWER_SECONDS).request("POST", json=update, headers=headers)
        spent = round((time.monotonic() - begun) * 1000, 1)
        await self._telegram.note_handled(update["update_id"], trace_id, spent)

    # ---- by getUpdates

    async def poll(self, offset: int, limit: int, seconds: int) -> list[Json]:
        """The updates that wait from an offset on, as soon as there are any; those before it are taken as handled.

        :raises Refusal: there is a webhook, or somebody else polls meanwhile
        """
        if self._telegram.world.webhook:
            raise Refusal(
                409,
                "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the "
                "webhook first",
            )
        self._poller += 1
        mine = self._poller
        waiting = self._telegram.world.waiting
        first = offset if offset >= 0 else min(list(waiting)[offset:], default=0)
        for number in [number for number in waiting if number < first]:
            await self._telegram.note_handled(number, None, None)
        async with self._telegram.news:
            self._telegram.news.notify_all()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(max(seconds, 0), _LONGEST_POLL)):
                    await self._telegram.news.wait_for(lambda: self._is_over(mine))
        if mine != self._poller:
            raise Refusal(
                409,
                "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
            )
        return list(
            islice(self._telegram.world.waiting.values(), limit if 1 <= limit <= _MOST_UPDATES else _MOST_UPDATES)
        )

    def _is_over(self, poller: int) -> bool:
        return bool(self._telegram.world.waiting) or poller != self._poller or self._telegram.is_closing
