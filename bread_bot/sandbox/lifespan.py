"""What runs beside the server in the sandbox: its Telegram, and the way to it instead of the network."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType
from typing import Any

import httpx
from fastapi import FastAPI

from bread_bot.sandbox.bot_api import BotAPI
from bread_bot.sandbox.delivery import Delivery
from bread_bot.sandbox.files import LARGEST_UPLOAD
from bread_bot.sandbox.switch import SANDBOX_URL
from bread_bot.sandbox.telegram import Telegram
from bread_bot.utils.base_client import close_pool, open_pool
from bread_bot.utils.tracing import add_span_listener, traceparent

_HEARD_OUT = 200 * 2**20  # bytes; a browser whose upload is cut off sooner shows no reason


class _Network(httpx.AsyncBaseTransport):
    """The network, in which the sandbox's own address is this very application."""

    def __init__(self, app: FastAPI) -> None:
        self._host = httpx.URL(SANDBOX_URL).host
        self._own = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._other = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request where its address says."""
        if (
            (current := traceparent()) is not None
            and request.url.host == self._host
            and "traceparent" not in request.headers
        ):
            request.headers["traceparent"] = current  # so that a call of the bot is shown with what caused it
        transport = self._own if request.url.host == self._host else self._other
        return await transport.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the connections to elsewhere."""
        await self._other.aclose()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Put the sandbox's Telegram in place of the cloud."""
    app.state.body_limits = {"/sandbox/files": _HEARD_OUT, "/sandbox/api/": LARGEST_UPLOAD + 2**20}
    telegram = app.state.sandbox = Telegram()
    delivery = Delivery(telegram)
    app.state.sandbox_api = BotAPI(telegram, delivery)
    await close_pool()
    open_pool(transport=_Network(app))
    await telegram.start()
    delivery.start(app.state.started)
    forget = add_span_listener(telegram.traces.take)
    loop = asyncio.get_running_loop()
    with _at_the_end(lambda: asyncio.run_coroutine_threadsafe(telegram.close(), loop)):
        yield
    forget()
    await telegram.close()
    await delivery.stop()


@contextmanager
def _at_the_end(act: Callable[[], object]) -> Iterator[None]:
    """Act as soon as the server is told to stop: it waits for open streams before it ends its lifespan."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    earlier: dict[signal.Signals, Any] = {}

    def handle(number: int, frame: FrameType | None) -> None:
        act()
        if callable(before := earlier[signal.Signals(number)]):
            before(number, frame)

    for number in (signal.SIGTERM, signal.SIGINT):
        earlier[number] = signal.signal(number, handle)
    yield
    for number, before in earlier.items():
        signal.signal(number, before)
