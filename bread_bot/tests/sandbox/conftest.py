"""The sandbox, running at a real address, as its page and its bot reach it."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from bread_bot.main.settings import Connection, settings
from bread_bot.main.webserver import create_app
from bread_bot.sandbox.switch import SANDBOX_TOKEN, switch_on
from bread_bot.sandbox.world import GROUP
from bread_bot.tests.telegram.schema import Json, check_object, check_result

ANNA, BORIS = 101, 102
SWITCHED = ("TELEGRAM_BOT_TOKEN", "TELEGRAM_API_URL", "WEBHOOK_URL", "HOST", "WORKERS_COUNT", "APP_MODULES")


class Sandbox:
    """Somebody at the page, who may also call the Bot API as the bot does."""

    def __init__(self, client: httpx.AsyncClient, app: FastAPI) -> None:
        self.client = client
        self.app = app

    async def ask(self, method: str, path: str, status: int = 204, /, **body: Any) -> Any:
        """Ask as the page does; gives what is answered."""
        response = await self.client.request(method, f"/sandbox/{path}", json=body)
        assert response.status_code == status, response.text
        return response.json() if response.content else None

    async def say(self, text: str, chat_id: int = GROUP, user_id: int = ANNA, **more: Any) -> Json:
        """Somebody writes; gives the message."""
        await self.ask("POST", "messages", chat_id=chat_id, user_id=user_id, text=text, **more)
        said: list[Json] = [
            event["message"] for event in await self.events() if event["type"] == "message" and _is_by_people(event)
        ]
        return said[-1]

    async def call(self, method: str, /, **parameters: Any) -> Any:
        """Call the Bot API; the result is what the real one could give."""
        answer = (await self.raw_call(method, **parameters)).json()
        assert answer["ok"], answer
        assert check_result(method, answer["result"]) == []
        return answer["result"]

    async def refused(self, method: str, /, **parameters: Any) -> tuple[int, str]:
        """Call the Bot API; gives its refusal."""
        response = await self.raw_call(method, **parameters)
        answer = response.json()
        assert answer["ok"] is False and answer["error_code"] == response.status_code, answer
        return answer["error_code"], answer["description"]

    async def raw_call(self, method: str, /, **parameters: Any) -> httpx.Response:
        """Call the Bot API; gives its answer as it is."""
        return await self.client.post(f"/sandbox/api/bot{SANDBOX_TOKEN}/{method}", json=parameters)

    @asynccontextmanager
    async def stream(self, after: int = 0) -> AsyncIterator[AsyncIterator[tuple[str, int, Any]]]:
        """The stream of events: the name, the id and the data of each."""
        headers = {"last-event-id": str(after)} if after else {}
        async with self.client.stream("GET", "/sandbox/events", headers=headers) as response:
            yield _parsed(response)

    async def events(self, after: int = 0) -> list[Json]:
        """What a page is told of the past."""
        told: list[Json] = []
        async with self.stream(after) as stream:
            async for name, _, data in stream:
                if name == "ready":
                    return told
                told.append(data)
        return told

    async def wait_for(self, is_wanted: Callable[[Json], Any], seconds: float = 15) -> Json:
        """The first event, of the past or to come, that is wanted."""
        async with asyncio.timeout(seconds), self.stream() as stream:
            async for name, _, data in stream:
                if name != "ready" and is_wanted(data):
                    assert isinstance(data, dict)
                    return data
        raise AssertionError("The stream has ended")

    async def answer(self, pattern: str) -> Json:
        """What the bot says that fits a pattern as a whole, a Message as the real Bot API could give it."""
        event = await self.wait_for(lambda one: one["type"] == "message" and _is_said_by_bot(one, pattern))
        message: Json = event["message"]
        assert check_object("Message", message) == []
        return message


def _is_said_by_bot(event: Json, pattern: str) -> bool:
    text = event["message"].get("text", "")
    return event["message"]["from"]["is_bot"] and re.fullmatch(pattern, text, re.DOTALL) is not None


def _is_by_people(event: Json) -> bool:
    return not event["message"]["from"]["is_bot"]


async def _parsed(response: httpx.Response) -> AsyncIterator[tuple[str, int, Any]]:
    name, number, data = "message", 0, None
    async for line in response.aiter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "id":
            number = int(value)
        elif field == "data":
            data = json.loads(value)
        elif not line and data is not None:
            yield name, number, data
            name, data = "message", None


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Serve an app at an address; gives a client of that."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(app, lifespan="on", log_config=None, access_log=False))
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            async with httpx.AsyncClient(base_url=address, timeout=30) as client:
                while not server.started:
                    await asyncio.wait([running], timeout=0.01)
                    assert not running.done()
                yield client
        finally:
            if (telegram := getattr(app.state, "sandbox", None)) is not None:
                await telegram.close()  # as SIGTERM does
            server.should_exit = True
            await running


@pytest.fixture
def switched_on(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The settings of a sandbox, without limits of pace."""
    for name in SWITCHED:
        monkeypatch.setattr(settings, name, getattr(settings, name))
    switch_on()
    for name in ("CHAT_RATE", "GROUP_RATE", "TOTAL_RATE", "COMMANDS_PER_MINUTE"):
        monkeypatch.setattr(settings, name, 0)
    return monkeypatch


@pytest.fixture
async def sandbox(database: Connection, switched_on: pytest.MonkeyPatch) -> AsyncIterator[Sandbox]:
    """The running sandbox, in which the bot has set its webhook."""
    app = create_app()
    async with serving(app) as client:
        sandbox = Sandbox(client, app)
        await sandbox.wait_for(lambda event: event["type"] == "webhook")
        yield sandbox
