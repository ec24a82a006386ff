"""Who is in a chat of the sandbox's page, and who speaks."""

import pytest

from bread_bot.tests.sandbox.page.messenger import Messenger

playwright = pytest.importorskip("playwright.async_api", reason="there is no playwright here")
expect = playwright.expect


async def test_the_speaker_is_switched(page: Messenger) -> None:
    """Another person speaks; what the first one said is now somebody else's."""
    await page.say("я Анна")
    await expect(page.find(".own")).to_have_count(1)
    await page.page.select_option("#speaker", label="Борис")
    await expect(page.find(".own")).to_have_count(0)
    await expect(page.find(".name")).to_have_text("Анна")
    await page.say("я Борис")
    await expect(page.find(".own .words")).to_have_text("я Борис")


async def test_somebody_leaves_and_comes_back(page: Messenger) -> None:
    """The conversation tells of it, and who is not there does not speak."""
    await page.button("Участники и чат").click()
    await page.button("Вывести: Борис").click()
    await page.button("Вернуть: Борис").wait_for()
    await page.page.keyboard.press("Escape")
    await page.find(".service", has_text="Борис выходит из чата").wait_for()
    await expect(page.find("#subtitle")).to_have_text("5 участников")
    assert "Борис" not in await page.find("#speaker option").all_text_contents()
    await page.button("Участники и чат").click()
    await page.button("Вернуть: Борис").click()
    await page.find(".service", has_text="Борис входит в чат").wait_for()


async def test_an_administrator_is_made(page: Messenger) -> None:
    """A star makes one, and takes it back."""
    await page.button("Участники и чат").click()
    await page.button("Сделать администратором: Вера").click()
    await expect(page.find("#member-list li", has_text="Вера")).to_contain_text("администратор")
    await page.button("Снять администратора: Вера").click()
    await expect(page.find("#member-list li", has_text="Вера")).to_contain_text("участник")
    await expect(page.find(".service")).to_have_count(0)


async def test_the_bot_is_shown_out(page: Messenger) -> None:
    """It hears nothing there, until it is brought back."""
    await page.button("Участники и чат").click()
    await page.button("Вывести: Хлебушек").click()
    await page.button("Вернуть: Хлебушек").wait_for()
    await expect(page.find("#subtitle")).to_have_text("5 участников, бота нет в чате")
    await page.button("Вернуть: Хлебушек").click()
    await expect(page.find("#subtitle")).to_have_text("6 участников")


async def test_a_group_becomes_a_supergroup(page: Messenger) -> None:
    """The messages and the draft stay, and the bot remembers what it was taught."""
    await page.say("Хлеб добавь триггер привет=Медвед")
    await page.answer().first.wait_for()
    await page.find("#text").fill("недописанное")
    await page.button("Участники и чат").click()
    await page.find("#upgrade").click()
    await page.find(".service", has_text="Группа стала супергруппой").wait_for()
    await expect(page.find("article")).to_have_count(2)
    await expect(page.find("#text")).to_have_value("недописанное")
    await page.say("привет")
    await page.message("Медвед").wait_for()
