"""The site in a real browser: what its scripts do, and that its policy lets nothing else run."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
import uvicorn
from fastapi import FastAPI

from bread_bot.tests.admin.test_tables import KEY, NASTY
from bread_bot.tests.auth.people import PASSWORD, create_admin
from bread_bot.tests.sandbox.page.conftest import ARGUMENTS
from bread_bot.tests.talk import Talk
from bread_bot.tests.telegram import updates

if TYPE_CHECKING:
    from playwright.async_api import ConsoleMessage, Page

CHROMIUM = shutil.which("chromium")
playwright = pytest.importorskip("playwright.async_api", reason="there is no playwright here")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here; apt-get install chromium")


@pytest.fixture
async def address(app: FastAPI) -> AsyncIterator[str]:
    """The running app, served on a port of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=1))
        serving = asyncio.create_task(server.serve([listener]))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/admin"
        server.should_exit = True
        await serving


@pytest.fixture
async def page(address: str) -> AsyncIterator["Page"]:
    """The site, open and signed in; whatever the browser complains of, and whatever comes from elsewhere, fails."""
    await create_admin()
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = await browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(15_000)
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if _is_complaint(line) else None)
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        page.on("request", lambda sent: None if sent.url.startswith(address) else complaints.append(sent.url))
        await page.goto(f"{address}/")
        await page.fill("#username", "admin")
        await page.fill("#password", PASSWORD)
        await page.press("#password", "Enter")
        await page.wait_for_url(f"{address}/")
        yield page
        await browser.close()
        assert complaints == []


def _is_complaint(line: "ConsoleMessage") -> bool:
    """A form that is refused is none."""
    return line.type in ("error", "warning") and "422" not in line.text


async def test_a_day_of_an_admin(talk: Talk, page: "Page", address: str) -> None:
    """Search, edit, try a dead answer again, choose columns and page size, forget a chat, sign out."""
    await talk.say("Хлеб добавь триггер привет=Медвед")
    talk.bot_api.fail("sendMessage", "no rights")
    await talk.say("привет")

    await page.get_by_role("link", name="Taught values").click()
    await page.fill("input[name=q]", "медв")
    await page.press("input[name=q]", "Enter")
    await page.locator("mark", has_text="Медв").wait_for()
    await page.get_by_role("link", name="Edit").click()
    await page.fill("#value", "Превед")
    await page.get_by_role("button", name="Save").click()
    await page.locator(".alert", has_text="changed successfully").wait_for()
    assert await talk.say("привет") == "Превед"

    await page.get_by_role("link", name="Outbox").click()
    before = len(talk.bot_api.sent)
    await page.locator("tbody input[type=checkbox]").check()
    await page.get_by_role("button", name="With selected").click()
    await page.locator("[data-sa-hook=actions-dropdown] a", has_text="Try again").click()
    await page.locator(".alert", has_text="On their way again: 1").wait_for()
    await talk.settle()
    assert [one.text for one in talk.bot_api.sent[before:]] == ["Медвед"]

    await page.get_by_role("link", name="Chats").click()
    await page.get_by_label("Page size").select_option(label="100")
    await page.wait_for_url("**page_size=100**")
    await page.get_by_role("button", name="Columns").click()
    await page.get_by_label("Username").uncheck()
    await page.get_by_role("button", name="Apply").click()
    await page.wait_for_url("**cols=**")
    assert await page.locator("th[data-column=username]").count() == 0
    await page.get_by_label("Forget its people").click()
    await page.get_by_role("button", name="Forget", exact=True).click()
    await page.locator(".alert", has_text="are forgotten").wait_for()

    await page.get_by_role("link", name="Open user menu").click()
    await page.get_by_role("button", name="Logout").click()
    await page.wait_for_url("**/login?**")


async def test_what_people_say_runs_nowhere(talk: Talk, page: "Page", address: str) -> None:
    """Not in lists, not in highlighted finds, messages, forms and dialogues."""
    chat, nasty = updates.group(NASTY[:120]), updates.person(first_name=NASTY[:60])
    await talk.say(f"Хлеб добавь триггер {KEY}={NASTY}", chat=chat, sender=nasty)
    for path in ("taught/list?q=script", "chats/list", "members/list?q=img", f"chats/detail?pk={chat.id}"):
        await page.goto(f"{address}/{path}")
        await page.locator("body", has_text="<script>").wait_for()
    await page.goto(f"{address}/taught/edit?pk=1")
    await page.fill("#caption", NASTY)
    await page.get_by_role("button", name="Save").click()
    await page.locator("#caption-error").wait_for()
    await page.fill("#caption", "")
    await page.fill("#value", NASTY + "!")
    await page.get_by_role("button", name="Save").click()
    await page.locator(".alert", has_text="<script>").wait_for()
    await page.get_by_label("Delete").click()
    await page.get_by_role("button", name="Yes, delete").click()
    await page.locator(".alert", has_text="successfully deleted").wait_for()


async def test_both_themes_and_a_phone(page: "Page", address: str) -> None:
    """The page follows the system's colours, and no page is wider than a phone."""
    for scheme in ("dark", "light"):
        await page.emulate_media(color_scheme=scheme)
        await page.locator(f"html[data-bs-theme={scheme}]").wait_for()
    await page.set_viewport_size({"width": 390, "height": 844})
    for path in ("", "chats/list", "taught/list", "outbox/list", "failed/list", "users/list", "users/edit?pk=1"):
        await page.goto(f"{address}/{path}")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390, path
