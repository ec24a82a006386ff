"""A service that answers as a test tells it."""

import asyncio
from collections.abc import AsyncIterator
from random import Random

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bread_bot.main.settings import settings
from bread_bot.utils.base_client import close_pool, open_pool


class Elsewhere:
    """Any service: it gives its `answers` in turn and the last one again and again; without any it keeps silent."""

    def __init__(self) -> None:
        self.answers: list[Response] = []
        self.requests: list[Request] = []

    def answers_with(self, *answers: str | bytes | Response, media_type: str = "application/json") -> None:
        """Tell it what to answer."""
        self.answers = [
            answer if isinstance(answer, Response) else Response(answer, media_type=media_type) for answer in answers
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.requests.append(Request(scope))
        if not self.answers:
            await asyncio.Event().wait()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        await answer(scope, receive, send)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def dice() -> Random:
    """Chance that is the same in every run."""
    return Random(7)


@pytest.fixture
async def elsewhere(trusted: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Elsewhere]:
    """The whole outside world, asked patiently; all sources trust it afresh."""
    for name in ("FORISMATIC_URL", "BANEKS_URL", "ADVICE_URL", "INSULT_URL"):
        monkeypatch.setattr(settings, name, f"http://elsewhere.test/{name.lower()}")
    service = Elsewhere()
    await close_pool()
    open_pool(transport=httpx.ASGITransport(service))
    yield service
    await close_pool()
