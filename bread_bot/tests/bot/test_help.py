"""help: every command is told of, and every example reaches its command."""

import re

import pytest
from fastapi import FastAPI

from bread_bot.bot.command import Command, CommandTable
from bread_bot.main import apps
from bread_bot.main.settings import settings
from bread_bot.tests.talk import Talk
from bread_bot.tests.telegram import updates
from bread_bot.utils.text import TEXT_LIMIT, utf16_length

COMMANDS = apps.commands().commands


@pytest.mark.parametrize(("one", "example"), [(one, example) for one in COMMANDS for example in one.examples])
def test_examples_find_their_command(application: FastAPI, one: Command, example: str) -> None:
    """Each example calls the command that shows it, with words that it can read."""
    table: CommandTable = application.state.commands
    if example.startswith("/"):
        assert table.find_slash(example[1:]) is one
        return
    found = table.find(example.removeprefix("Хлеб "))
    assert found is not None and found[0] is one
    one.signature.read(found[2])


async def test_the_overview(talk: Talk) -> None:
    """All commands by group, a line each; never cut."""
    overview = str(await talk.say("Хлеб help"))
    for one in COMMANDS:
        assert f"\n{one.name} — {one.summary}" in overview, one.name
    assert utf16_length(overview) <= TEXT_LIMIT, "else the button that leads back could not show it whole"
    for title in ("Обучение:", "Люди:", "Развлечения:", "Цитаты и шутки:", "Пример приложения:"):
        assert title in overview
    for alias in ("hlep", "хелп", "помощь"):
        assert await talk.say(f"Хлеб {alias}") == overview


async def test_every_alias_is_explained(talk: Talk) -> None:
    """`help X` tells aliases, what it does, its words and examples."""
    for one in COMMANDS:
        for alias in (*one.aliases, one.slash, f"/{one.slash}", one.name.upper()):
            told = str(await talk.say(f"Хлеб help {alias}"))
            assert one.help in told and f"/{one.slash}" in told and one.examples[0] in told, alias
    assert "не знаю" in str(await talk.say("Хлеб help абракадабра"))


async def test_another_name(talk: Talk, test_settings: pytest.MonkeyPatch) -> None:
    """A bot of another name tells how to call that one."""
    test_settings.setattr(settings, "BOT_NAME", "Батон")
    talk.dispatcher.introduce(talk.dispatcher.bot)
    assert "«Батон кто самый умный?»" in str(await talk.say("Батон help кто"))
    assert "Например: «Батон выбери чай или кофе»" in str(await talk.say("Батон выбери"))
    assert "<li>Батон кто самый умный?</li>" in (await talk.client.get("/help")).text


async def test_pages(talk: Talk) -> None:
    """Buttons turn to each group and back; anybody in the chat may press them."""
    (answer,) = await talk.hear("Хлеб help")
    assert answer.buttons
    for button in answer.buttons:
        press = updates.callback_query(button["callback_data"], message=answer.message, sender=updates.people.boris)
        await talk.post(press)
        page = talk.bot_api.edited[-1]
        assert str(page.text).startswith(button["text"])
        assert "Все команды" in [one["text"] for one in page.buttons]
    await talk.post(updates.callback_query("help all", message=answer.message))
    assert talk.bot_api.edited[-1].text == answer.text
    assert len(talk.bot_api.toasts) == len(answer.buttons) + 1


async def test_the_menu(talk: Talk) -> None:
    """setMyCommands has them all, in Russian."""
    menu = talk.bot_api.calls_of("setMyCommands")[0].params["commands"]
    assert {one["command"] for one in menu} == {one.slash for one in COMMANDS}
    assert all(re.search("[а-я]", one["description"]) for one in menu)
    assert "Привет" in str(await talk.say("/start", chat=updates.people.anna.private))


async def test_the_page(talk: Talk) -> None:
    """GET /help: a page that loads nothing and runs nothing."""
    response = await talk.client.get("/help")
    assert response.status_code == 200 and response.headers["content-type"].startswith("text/html")
    assert all(f"<h3>{one.name}</h3>" in response.text for one in COMMANDS)
    assert "script" not in response.text and "http" not in response.text
    assert response.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
