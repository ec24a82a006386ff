"""The page as somebody uses it."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from bread_bot.sandbox.switch import SANDBOX_TOKEN

if TYPE_CHECKING:
    from playwright.async_api import Browser, ConsoleMessage, Locator, Page

PRIVATE, GROUP, FORUM = 101, -500, -1000000000700
_UNREACHABLE = "ERR_CONNECTION_REFUSED"  # a server that is being restarted


class Messenger:
    """A browser's page with the sandbox open in it."""

    def __init__(self, page: "Page", address: str) -> None:
        self.page = page
        self.address = address

    @classmethod
    @asynccontextmanager
    async def opened(cls, browser: "Browser", address: str, **options: Any) -> AsyncIterator["Messenger"]:
        """Open the page in a browser that has never seen it; errors and refused resources fail the test."""
        context = await browser.new_context(locale="ru-RU", **options)
        await context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = await context.new_page()
        page.set_default_timeout(8_000)
        complaints: list[str] = []

        def note(message: "ConsoleMessage") -> None:
            if message.type == "error" and "Content Security Policy" in message.text:
                complaints.append(message.text)

        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", note)
        messenger = cls(page, address)
        await messenger.visit()
        yield messenger
        await context.close()
        assert complaints == []

    async def visit(self) -> None:
        """Open the page, or load it anew."""
        await self.page.goto(f"{self.address}/sandbox")
        await self.page.locator("body[data-live=true]").wait_for()

    def find(self, selector: str, **options: Any) -> "Locator":
        """An element of the page."""
        return self.page.locator(selector, **options)

    def button(self, name: str | re.Pattern[str]) -> "Locator":
        """A button by what it is called."""
        return self.page.get_by_role("button", name=name, exact=isinstance(name, str))

    def message(self, text: str) -> "Locator":
        """The last message that says exactly this."""
        words = self.page.locator(".words", has_text=re.compile(f"^{re.escape(text)}$"))
        return self.page.locator("article.message", has=words).last

    def answer(self, text: str | re.Pattern[str] = "") -> "Locator":
        """The bot's messages that contain a text."""
        return self.page.locator("article[data-bot=true]", has_text=text)

    async def say(self, text: str) -> None:
        """Write a message, and see it."""
        await self.page.fill("#text", text)
        await self.page.press("#text", "Enter")

    async def act(self, message: "Locator", name: str) -> None:
        """Choose something from a message's menu."""
        await message.hover()
        await message.get_by_role("button", name="Действия с сообщением").click()
        await self.page.get_by_role("menuitem", name=name, exact=True).click()

    async def attach(self, name: str) -> None:
        """Choose something from the menu of what can be sent."""
        await self.page.click("#attach")
        await self.page.get_by_role("menuitem", name=name, exact=True).click()

    async def enter(self, chat_id: int) -> None:
        """Open a chat."""
        await self.page.click(f'[data-chat="{chat_id}"]')

    async def let_bot(self, method: str, **payload: object) -> Any:
        """The bot calls a method of the Bot API."""
        address = f"{self.address}/sandbox/api/bot{SANDBOX_TOKEN}/{method}"
        response = await self.page.request.post(address, data=payload)
        assert response.ok, await response.text()
        return (await response.json())["result"]
