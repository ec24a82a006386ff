"""The sandbox in a real browser, as somebody without a token meets it."""

import asyncio
import re

import pytest

from bread_bot.tests.sandbox.page.server import Server
from bread_bot.tests.sandbox.page.messenger import FORUM, GROUP, PRIVATE, Messenger

playwright = pytest.importorskip("playwright.async_api", reason="there is no playwright here")
expect = playwright.expect


async def test_a_first_visit_offers_three_things(page: Messenger) -> None:
    """Each takes one click, and the others stay in reach."""
    offers = page.find(".offer")
    await expect(offers).to_have_count(3)
    await page.find(".offer", has_text="Научить ответу").click()
    await page.message("Медвед").wait_for()
    await expect(offers).to_have_count(2)
    await page.find(".offer", has_text="Что ты умеешь?").click()
    await page.find(".keys button").first.wait_for()
    await page.find(".offer", has_text="Спросить о людях").click()
    await page.answer("самый умный").wait_for()
    await expect(page.find("#offers")).to_be_hidden()


async def test_a_dialogue(page: Messenger) -> None:
    """Teach a trigger, see the answer, and press a button of the help."""
    await page.say("Хлеб добавь триггер привет=Медвед")
    await page.answer().first.wait_for()
    await page.say("привет")
    await page.message("Медвед").wait_for()
    await page.say("Хлеб help")
    await page.find(".keys button").first.click()
    await page.answer("изменено").wait_for()


async def test_a_restart_is_survived(page: Messenger, server: Server) -> None:
    """The stream ends with the server at once; what is sent meanwhile can be sent again, and all is there as before."""
    await page.say("Хлеб добавь триггер привет=Медвед")
    await page.answer().first.wait_for()
    await asyncio.wait_for(server.stop(), 8)
    await page.find("body[data-live=false]").wait_for()
    await page.say("привет")
    await page.find(".failed", has_text="Не отправлено").wait_for()
    await server.start()
    await page.find("body[data-live=true]").wait_for()
    await page.button("Повторить").click()
    await page.message("Медвед").wait_for()
    await expect(page.find(".failed")).to_have_count(0)
    await expect(page.find("article[data-bot=false]")).to_have_count(2)


async def test_starting_over(page: Messenger) -> None:
    """All that was said and taught is gone, and the first visit's offers are back."""
    await page.say("Хлеб добавь триггер привет=Медвед")
    await page.answer().first.wait_for()
    await page.button("Начать сначала").click()
    await page.button("Отмена").click()
    await expect(page.find("article")).to_have_count(2)
    await page.button("Начать сначала").click()
    await page.find("#sure-yes").click()
    await expect(page.find("article")).to_have_count(0)
    await expect(page.find(".offer")).to_have_count(3)
    await page.say("привет")
    await page.find("#why", has_text="Промолчал").wait_for()
    await expect(page.answer()).to_have_count(0)


async def test_unread_messages_are_counted(page: Messenger) -> None:
    """The list tells of what has come elsewhere, until one looks; a reload does not forget it."""
    for text in ("раз", "два"):
        await page.let_bot("sendMessage", chat_id=PRIVATE, text=text)
    chat = page.find(f'[data-chat="{PRIVATE}"]')
    await expect(chat).to_contain_text("два")
    await expect(chat.locator(".count")).to_have_text("2")
    await page.visit()
    await expect(chat.locator(".count")).to_have_text("2")
    await expect(page.page).to_have_title(re.compile(r"^\(2\)"))
    await page.enter(PRIVATE)
    await expect(chat.locator(".count")).to_have_count(0)
    await page.visit()
    await expect(chat.locator(".count")).to_have_count(0)


async def test_drafts_stay_with_their_chats(page: Messenger) -> None:
    """What is half written waits in its chat, and the list shows it."""
    await page.find("#text").fill("недописанное")
    await page.enter(PRIVATE)
    await expect(page.find("#text")).to_have_value("")
    await expect(page.find(f'[data-chat="{GROUP}"]')).to_contain_text("Черновик: недописанное")
    await page.visit()
    await page.enter(GROUP)
    await expect(page.find("#text")).to_have_value("недописанное")


async def test_new_messages_do_not_tear_away_who_reads_above(page: Messenger) -> None:
    """The place stays, a button counts what has come, and leads there."""
    for number in range(30):
        await page.let_bot("sendMessage", chat_id=GROUP, text=f"строка {number}")
    await page.message("строка 29").wait_for()
    await expect(page.find("#to-end")).to_be_hidden()
    await page.find("#messages").evaluate("(log) => { log.scrollTop = 0; }")
    await page.find("#to-end").wait_for()
    await page.let_bot("sendMessage", chat_id=GROUP, text="новое")
    await expect(page.find("#to-end-count")).to_have_text("1")
    assert await page.find("#messages").evaluate("(log) => log.scrollTop") == 0
    await page.find("#to-end").click()
    await expect(page.message("новое")).to_be_in_viewport()
    await expect(page.find("#to-end")).to_be_hidden()
    await page.find("#messages").evaluate("(log) => { log.scrollTop = 0; }")
    await page.find("#to-end").wait_for()
    await page.say("моё")
    await expect(page.message("моё")).to_be_in_viewport()


async def test_topics_of_a_forum(page: Messenger) -> None:
    """Each topic has its own messages and drafts, and the bot answers where it was asked."""
    await page.enter(FORUM)
    await page.button("Рецепты").click()
    await page.say("Хлеб кто знает рецепт?")
    await page.answer("рецепт").wait_for()
    await page.button("Общая").click()
    await expect(page.find("article")).to_have_count(0)
    await page.let_bot("sendMessage", chat_id=FORUM, message_thread_id=12, text="в болталке")
    await page.button(re.compile("Болталка.*1")).click()
    await page.message("в болталке").wait_for()
    await page.button("Рецепты").click()
    await expect(page.find("article")).to_have_count(2)


async def test_a_closed_topic(page: Messenger) -> None:
    """Only administrators write in it; what others tried to say stays in sight."""
    await page.enter(FORUM)
    await page.button("Рецепты").click()
    await page.button("Участники и чат").click()
    await page.button(re.compile("Закрыть тему «Рецепты»")).click()
    await page.button(re.compile("Открыть тему «Рецепты»")).wait_for()
    await page.page.keyboard.press("Escape")
    await page.find(".service", has_text="Тема закрыта").wait_for()
    await page.page.select_option("#speaker", label="Борис")
    await page.say("можно?")
    await page.find(".failed", has_text="можно?").wait_for()
    await page.button("Убрать").click()
    await expect(page.find(".failed")).to_have_count(0)
