"""A running sandbox and a browser, shared by the tests of the page; each begins with nothing said."""

import shutil
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from bread_bot.tests.conftest import DatabaseServer
from bread_bot.tests.sandbox.page.messenger import Messenger
from bread_bot.tests.sandbox.page.server import Server

if TYPE_CHECKING:
    from playwright.async_api import Browser

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session")
async def running_server(
    browser: "Browser",
    database_server: DatabaseServer,
    template_database: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Server]:
    """The one sandbox of all tests, over a database of its own."""
    with database_server.created(template_database) as connection:
        server = Server(connection, tmp_path_factory.mktemp("sandbox"))
        await server.start()
        yield server
        await server.stop()


@pytest.fixture
async def server(running_server: Server) -> Server:
    """The running sandbox, in which nothing has happened yet."""
    if not running_server.is_running:
        await running_server.start()
    await running_server.begin_anew()
    return running_server


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator["Browser"]:
    """Debian's Chromium."""
    playwright = pytest.importorskip("playwright.async_api", reason="there is no playwright here")
    if CHROMIUM is None:
        pytest.skip("there is no chromium here; apt-get install chromium")
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def page(server: Server, browser: "Browser") -> AsyncIterator[Messenger]:
    """The page on a desktop, as a first visitor sees it; whatever the browser complains of fails the test."""
    async with Messenger.opened(browser, server.address, viewport={"width": 1280, "height": 800}) as page:
        yield page


@pytest.fixture
async def phone(server: Server, browser: "Browser") -> AsyncIterator[Messenger]:
    """The page on a phone."""
    screen = {"width": 390, "height": 844}
    async with Messenger.opened(browser, server.address, viewport=screen, has_touch=True, is_mobile=True) as page:
        yield page
