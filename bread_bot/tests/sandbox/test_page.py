"""The sandbox in a real browser, as somebody without a token meets it."""

import asyncio
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from bread_bot.main.settings import BASE_DIR, Connection

if TYPE_CHECKING:
    from playwright.async_api import Page

CHROMIUM = shutil.which("chromium")
playwright = pytest.importorskip("playwright.async_api", reason="there is no playwright here")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here; apt-get install chromium")

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


class Server:
    """python server.py without a token, that can be stopped and started again."""

    def __init__(self, connection: Connection, directory: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = directory / "log"
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("TELEGRAM_")} | {
            "PORT": str(self.port),
            "TELEGRAM_BOT_TOKEN": "",
            "HOST": "",
            "DB_HOST": connection["host"],
            "DB_PORT": str(connection["port"]),
            "DB_NAME": connection["database"],
            "DB_USER": connection["user"],
            "DB_PASSWORD": connection["password"] or "",
        }
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start, and wait until it can work."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "server.py"], cwd=BASE_DIR, env=self._environment, stdout=log, stderr=log
            )
        async with asyncio.timeout(60), httpx.AsyncClient() as client:
            while True:
                try:
                    if (await client.get(f"{self.address}/health/ready")).status_code == 200:
                        return
                except httpx.TransportError:
                    assert self._process.poll() is None, self.log.read_text()
                await asyncio.sleep(0.1)

    async def stop(self) -> int:
        """Stop as SIGTERM does; gives the exit status."""
        assert self._process is not None
        self._process.terminate()
        return await asyncio.to_thread(self._process.wait, 20)


@pytest.fixture
async def server(database: Connection, tmp_path: Path) -> AsyncIterator[Server]:
    """A running sandbox over a database of its own."""
    server = Server(database, tmp_path)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def page(server: Server) -> AsyncIterator["Page"]:
    """The page, open on a desktop; whatever the browser complains of fails the test."""
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = await browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(15_000)
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        await page.goto(f"{server.address}/sandbox")
        yield page
        await browser.close()
        assert errors == []


async def _say(page: "Page", text: str) -> None:
    await page.fill("#text", text)
    await page.press("#text", "Enter")


async def _hear(page: "Page", text: str) -> None:
    await page.locator("[data-bot=true]", has_text=text).last.wait_for()


async def test_a_dialogue(page: "Page") -> None:
    """Teach a trigger, see the answer, press a button of the help, and see why."""
    await _say(page, "Хлеб добавь триггер привет=Медвед")
    await page.locator("[data-bot=true]").first.wait_for()
    await _say(page, "привет")
    await page.locator("[data-bot=true] .text", has_text=re.compile("^Медвед$")).wait_for()
    await page.locator("#why", has_text="привет").wait_for()
    await page.locator("#calls", has_text="sendMessage").wait_for()
    await page.locator("#trace li", has_text="outbox").first.wait_for()
    await _say(page, "Хлеб help")
    button = page.locator(".keys button").first
    await button.click()
    await page.locator("[data-bot=true] time", has_text="изменено").wait_for()


async def test_a_photo_is_taught(page: "Page") -> None:
    """A sample is sent, taught by a reply to it, and comes back."""
    await page.select_option("#attach", "photo")
    photo = page.locator("[data-bot=false]", has=page.locator("img.photo"))
    await photo.hover()
    await photo.get_by_role("button", name="Ответить").click()
    await _say(page, "Хлеб запомни триггер булка")
    await page.locator("[data-bot=true]").first.wait_for()
    await _say(page, "булка")
    await page.locator("[data-bot=true] img.photo").wait_for()


async def test_the_speaker_is_switched_and_a_restart_is_survived(page: "Page", server: Server) -> None:
    """Another person speaks; the stream ends with the server at once, and all is there again with it."""
    await page.select_option("#speaker", label="Борис")
    await _say(page, "Хлеб добавь триггер привет=Медвед")
    await page.locator("[data-bot=true]").first.wait_for()
    assert await page.locator("[data-bot=false] .name").first.text_content() == "Борис"
    await asyncio.wait_for(server.stop(), 8)
    await page.locator("body[data-live=false]").wait_for()
    await server.start()
    await page.locator("body[data-live=true]").wait_for()
    await _say(page, "привет")
    await page.locator("[data-bot=true] .text", has_text=re.compile("^Медвед$")).wait_for()
    assert await page.locator("[data-bot=false]").count() == 2


async def test_telegram_that_refuses(page: "Page") -> None:
    """The Bot API answers 500 and then works again: the answer comes in the end."""
    await page.select_option("#mode", "500")
    await _say(page, "Хлеб help")
    await page.locator("#calls .bad").first.wait_for()
    await page.select_option("#mode", "normal")
    await _hear(page, "Хлеб")
