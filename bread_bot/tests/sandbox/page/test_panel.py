"""The side panel of the sandbox's page: what came, what it caused, and how the bot copes with a Telegram that fails."""

import pytest

from bread_bot.tests.sandbox.page.messenger import Messenger

playwright = pytest.importorskip("playwright.async_api", reason="there is no playwright here")
expect = playwright.expect


async def test_an_update_is_explained(page: Messenger) -> None:
    """Its JSON, the command, the calls with their times, and the spans as a waterfall."""
    await page.say("Хлеб кто самый умный?")
    await expect(page.find("#why")).to_have_text("Команда «кто»")
    await expect(page.find("#json")).to_contain_text('"text": "Хлеб кто самый умный?"')
    call = page.find("#calls li", has_text="sendMessage")
    await expect(call.locator(".status")).to_have_text("200")
    await expect(call.locator(".spent")).to_contain_text("мс")
    await call.locator("summary").click()
    await expect(call.locator("pre").first).to_contain_text("reply_parameters")
    span = page.find("#trace li", has_text="outbox").last
    await span.locator("summary").first.click()
    await expect(page.find("#trace summary").first).to_contain_text("мс")


async def test_runs_of_statements_are_folded(page: Messenger) -> None:
    """A run opens to its statements, and stays open when the trace grows."""
    await page.say("Хлеб кто самый умный?")
    run = page.find("#trace details.run").first
    await run.locator("summary").first.click()
    statement = run.locator("details").first
    await statement.locator("summary").click()
    await expect(statement.locator("dl")).to_contain_text("db.statement")
    assert await statement.get_attribute("title")


async def test_an_earlier_update_is_chosen(page: Messenger) -> None:
    """By a click or by arrows; what comes meanwhile does not take its place, until one asks for the latest."""
    await page.say("Хлеб help")
    await page.find("#why", has_text="Команда «help»").wait_for()
    await page.say("просто так")
    await page.find("#why", has_text="Промолчал").wait_for()
    await page.find("#updates [aria-checked=true]").press("ArrowDown")
    await expect(page.find("#why")).to_have_text("Команда «help»")
    await expect(page.find("#json")).to_contain_text("Хлеб help")
    await page.say("ещё что-то")
    await expect(page.find("#updates button")).to_have_count(3)
    await expect(page.find("#why")).to_have_text("Команда «help»")
    await page.button("К последнему").click()
    await expect(page.find("#json")).to_contain_text("ещё что-то")


async def test_the_key_is_named(page: Messenger) -> None:
    """Why the bot answered is the key that it was taught."""
    await page.say("Хлеб добавь триггер привет=Медвед")
    await page.answer().first.wait_for()
    await page.say("привет")
    await expect(page.find("#why")).to_have_text("Сработал ключ «привет»")


@pytest.mark.parametrize(("mode", "status"), [("429", "429"), ("500", "500"), ("nothing", None)])
async def test_a_telegram_that_fails(page: Messenger, mode: str, status: str | None) -> None:
    """It refuses, breaks or keeps silent; once it works again, the answer comes, and only once."""
    await page.page.select_option("#mode", mode)
    await expect(page.find("#mode")).to_have_class("failing")
    await page.say("Хлеб добавь триггер привет=Медвед")
    if status is not None:
        await expect(page.find("#calls .bad .status").first).to_have_text(status)
    await page.find("#updates [data-state]").first.wait_for()
    await expect(page.answer()).to_have_count(0)
    await page.page.select_option("#mode", "normal")
    await page.answer().first.wait_for(timeout=40_000)
    await page.say("привет")
    await page.message("Медвед").wait_for()
    await expect(page.answer()).to_have_count(2)
