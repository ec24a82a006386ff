"""getUpdates, where no public address is set."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import ValidationError

from bread_bot.bot.errors import TelegramError, TooManyRequests
from bread_bot.bot.schemas.update import Update, cleaned
from bread_bot.bot.telegram import ALLOWED_UPDATES, LONG_POLL, TelegramClient
from bread_bot.utils.tracing import server_span

logger = logging.getLogger(__name__)

_sleep = asyncio.sleep  # a seam: tests pause without waiting

_CONFLICT = (
    "Another program polls with the same token, or a webhook is set: stop it, or use a token of its own for each bot"
)
_LONGEST_DELAY = 60.0


async def poll(
    telegram: TelegramClient, handle: Callable[[Update], Awaitable[None]], is_leader: Callable[[], Awaitable[bool]]
) -> None:
    """Fetch updates and handle them, as long as this process is the one that polls.

    Telegram is told to forget an update (by the next offset) only after its commit; one that fails is fetched again.
    """
    offset: int | None = None
    delay = 1.0
    while True:
        if not await is_leader():
            await _sleep(delay)
            continue
        began = time.monotonic()
        try:
            fetched = await _fetch(telegram, offset)
            done = await _handle_all(fetched, handle)
        except TelegramError as error:
            logger.warning("getUpdates: %s", _CONFLICT if error.code == 409 else error)
            wait = error.retry_after if isinstance(error, TooManyRequests) else delay
            await _sleep(wait)
            delay = min(delay * 2, _LONGEST_DELAY)
            continue
        offset = done + 1 if done is not None else offset
        if done is None and fetched:
            await _sleep(delay)
            delay = min(delay * 2, _LONGEST_DELAY)
            continue
        delay = 1.0
        if not fetched and time.monotonic() - began < delay:  # a Bot API that does not wait as it was asked to
            await _sleep(delay)


async def _fetch(telegram: TelegramClient, offset: int | None) -> list[dict[str, Any]]:
    payload: dict[str, Any] = {"timeout": LONG_POLL, "allowed_updates": list(ALLOWED_UPDATES)}
    if offset is not None:
        payload["offset"] = offset
    fetched = await telegram.call("getUpdates", payload, timeout=LONG_POLL + 10)
    if not isinstance(fetched, list):
        raise TelegramError("getUpdates answered no list")
    return [one for one in fetched if isinstance(one, dict) and isinstance(one.get("update_id"), int)]


async def _handle_all(fetched: list[dict[str, Any]], handle: Callable[[Update], Awaitable[None]]) -> int | None:
    """Handle updates together; the id of the last one before which none has failed."""
    results = await asyncio.gather(*(_handle(one, handle) for one in fetched), return_exceptions=True)
    done: int | None = None
    for one, result in sorted(zip(fetched, results, strict=True), key=lambda pair: pair[0]["update_id"]):
        if isinstance(result, BaseException):
            logger.warning("An update is fetched again: %s", type(result).__name__)
            break
        done = one["update_id"]
    return done


async def _handle(one: dict[str, Any], handle: Callable[[Update], Awaitable[None]]) -> None:
    try:
        update = Update.model_validate(cleaned(one))
    except ValidationError as error:
        logger.warning("An update that can't be read is passed over: %s", error.error_count())
        return
    with server_span(f"polled {update.kind}"):
        await handle(update)
