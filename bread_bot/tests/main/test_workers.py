"""python server.py with several workers: one bot, and nothing is left when it is killed."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

from bread_bot.main.settings import BASE_DIR, Connection
from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.fake import TOKEN, BotAPI

pytestmark = pytest.mark.slow
SECONDS = 30
SECRET = "secret"


@pytest.fixture
def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def telegram(bot_api: BotAPI) -> Iterator[str]:
    """The address of Telegram for another process."""
    with bot_api.serve() as address:
        yield address


def _until(condition: object, what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


async def test_two_workers(database: Connection, bot_api: BotAPI, telegram: str, free_port: int) -> None:
    """A hundred updates and their repetitions are answered once each; a killed server leaves no worker behind."""
    environment = (
        os.environ
        | {
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "TELEGRAM_API_URL": telegram,
            "WEBHOOK_URL": "https://bread.example/",
            "WEBHOOK_SECRET": SECRET,
            "PORT": str(free_port),
            "WORKERS_COUNT": "2",
            "CHAT_RATE": "0",
            "GROUP_RATE": "0",
            "TOTAL_RATE": "0",
            "DB_HOST": database["host"],
            "DB_PORT": str(database["port"]),
            "DB_USER": database["user"],
            "DB_NAME": database["database"],
        }
        | ({"DB_PASSWORD": database["password"]} if database["password"] else {})
    )
    address = f"http://127.0.0.1:{free_port}"

    def is_ready() -> bool:
        try:
            return httpx.get(f"{address}/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def is_gone() -> bool:
        try:
            httpx.get(f"{address}/health/live", timeout=1)
        except httpx.TransportError:
            return True
        return False

    with subprocess.Popen([sys.executable, "server.py"], cwd=BASE_DIR, env=environment) as server:
        try:
            _until(is_ready, "it does not start")
            posts = [updates.message(f"Хлеб скажи {number}", chat=updates.group()) for number in range(100)]
            for post in posts:
                bot_api.note(post)
            async with httpx.AsyncClient(headers={"X-Telegram-Bot-Api-Secret-Token": SECRET}) as client:
                responses = await asyncio.gather(*(client.post(address, json=post) for post in posts + posts[:20]))
            assert {response.status_code for response in responses} == {200}
            await bot_api.wait_for(100, timeout=SECONDS)
            assert sorted(int(str(answer.text)) for answer in bot_api.sent) == list(range(100))
            assert len(bot_api.calls_of("setWebhook")) == 1, "one of them announces the bot"
        finally:
            server.send_signal(signal.SIGKILL)
        server.wait(SECONDS)
        _until(is_gone, "a worker is left")
