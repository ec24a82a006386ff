"""One update, one unit of work: all of it or nothing, and no update stops the others."""

import asyncio
import logging
from dataclasses import replace

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from bread_bot.bot import janitor
from bread_bot.bot.answers import Reply
from bread_bot.bot.command import CommandTable, command
from bread_bot.bot.context import Context
from bread_bot.bot.errors import CommandError
from bread_bot.bot.janitor import clean_up
from bread_bot.bot.models import FailedUpdate, HandledUpdate
from bread_bot.main.database.base import async_session
from bread_bot.main.settings import settings
from bread_bot.my_app.models import Note
from bread_bot.tests.auth.people import as_user, create_admin
from bread_bot.tests.stumbling import Stumbling
from bread_bot.tests.talk import Talk
from bread_bot.tests.telegram import updates
from bread_bot.utils.json_logger import LineFormatter


@command("запиши и откажись", slash="refuse", examples=["Хлеб запиши и откажись"])
async def refuse(context: Context) -> Reply:
    """Записать, а потом передумать."""
    await Note.async_create(context.session, chat_id=context.chat.id, text="лишнее")
    raise CommandError("Передумал.")


async def test_a_poisonous_update(stumbling: Stumbling, talk: Talk, caplog: pytest.LogCaptureFixture) -> None:
    """It fails, is delivered again, and is set aside at last with its trace; admins retry it once the bug is mended."""
    admin = as_user(await create_admin())
    poison = updates.message("споткнись", chat=talk.chat)
    for attempt in range(1, settings.MAX_ATTEMPTS + 1):
        response = await talk.client.post("/", json=poison)
        assert response.status_code == (500 if attempt < settings.MAX_ATTEMPTS else 200)
        assert await talk.say("Хлеб скажи эхо") == "эхо", "the chat goes on"
    assert "this is the bug" in caplog.text
    (failed,) = (await talk.client.get("/failed_updates", headers=admin)).json()["items"]
    assert failed["attempts"] == settings.MAX_ATTEMPTS and "this is the bug" in failed["error"]
    path = f"/failed_updates/{failed['id']}"
    assert (await talk.client.put(f"{path}/retry", headers=admin)).status_code == 500
    stumbling.is_on = False
    assert (await talk.client.put(f"{path}/retry", headers=admin)).status_code == 204
    assert (await talk.client.put(f"{path}/retry", headers=admin)).status_code == 404
    for _ in range(2):
        assert (await talk.client.delete(path, headers=admin)).status_code == 204
    async with async_session() as session:
        assert await FailedUpdate.async_count(session) == 0


async def test_one_friendly_line(stumbling: Stumbling, talk: Talk) -> None:
    """Who has asked the bot for something hears, at last and once, that it can't be done: also where it is new."""
    poison = updates.message("Хлеб, споткнись", chat=talk.chat)
    for _ in range(settings.MAX_ATTEMPTS + 2):  # Telegram may miss a 200, and deliver it again
        await talk.client.post("/", json=poison)
    await talk.settle()
    assert [str(answer.text).partition(".")[0] for answer in talk.bot_api.sent] == ["Что-то у меня подгорело"]


async def test_old_marks_are_thrown_away(talk: Talk) -> None:
    """After HANDLED_HOURS, in batches; what is younger stays."""
    await talk.say("Хлеб скажи раз")
    async with async_session() as session, session.begin():
        age = {"hours": settings.HANDLED_HOURS + 1}
        for statement in ("handled_update SET handled_at", "outbox SET done_at"):
            await session.execute(text(f"UPDATE {statement} = now() - make_interval(hours => :hours)"), age)
    await talk.say("Хлеб скажи два")
    async with async_session() as session:
        assert await clean_up(session) == 2
        assert await clean_up(session) == 0
        assert await HandledUpdate.async_count(session) == 1


async def test_a_failure_that_has_passed_is_forgotten(stumbling: Stumbling, talk: Talk) -> None:
    """An update that failed and then succeeded is old one day; one that is set aside stays until an admin decides."""
    for text_, times in (("раз споткнись", 1), ("два споткнись", settings.MAX_ATTEMPTS)):
        post = updates.message(text_, chat=talk.chat)
        for _ in range(times):
            await talk.client.post("/", json=post)
    async with async_session() as session, session.begin():
        age = {"hours": settings.HANDLED_HOURS + 1}
        await session.execute(text("UPDATE failed_update SET created_at = now() - make_interval(hours => :hours)"), age)
    async with async_session() as session:
        assert await clean_up(session) == 1
        (left,) = await FailedUpdate.async_all(session)
        assert left.set_aside_at is not None


async def test_old_marks_go_in_batches(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, one statement takes only so many, and leaves those that somebody holds."""
    monkeypatch.setattr(janitor, "BATCH", 2)
    for _ in range(6):
        await talk.say("привет")
    async with async_session() as session, session.begin():
        age = {"hours": settings.HANDLED_HOURS + 1}
        await session.execute(
            text("UPDATE handled_update SET handled_at = now() - make_interval(hours => :hours)"), age
        )
    async with async_session() as holder, async_session() as session:
        await holder.execute(text("SELECT FROM handled_update ORDER BY update_id LIMIT 1 FOR UPDATE"))
        assert [await clean_up(session) for _ in range(4)] == [2, 2, 1, 0]


async def test_each_bot_has_its_own_marks(talk: Talk) -> None:
    """Another bot's updates have the same numbers: none of them counts as handled."""
    post = updates.message("Хлеб скажи эхо", chat=talk.chat)
    assert [len(await talk.post(post)) for _ in range(2)] == [1, 0]
    talk.dispatcher.introduce(replace(talk.dispatcher.bot, id=talk.dispatcher.bot.id + 1))
    assert [len(await talk.post(post)) for _ in range(2)] == [1, 0]


async def test_neighbours_of_a_poisonous_update(stumbling: Stumbling, talk: Talk) -> None:
    """Those who share its transaction go alone, and succeed."""
    places = [updates.group() for _ in range(20)]
    posts = [updates.message("Хлеб скажи эхо", chat=place) for place in places]
    posts.insert(10, updates.message("споткнись", chat=talk.chat))
    for post in posts:
        talk.bot_api.note(post)
    responses = await asyncio.gather(*(talk.client.post("/", json=post) for post in posts))
    assert [response.status_code for response in responses].count(200) == 20
    await talk.settle()
    assert sorted(answer.chat_id for answer in talk.bot_api.sent) == sorted(place.id for place in places)
    async with async_session() as session:
        assert await HandledUpdate.async_count(session) == 20


async def test_a_refusal_rolls_back(application: FastAPI, talk: Talk) -> None:
    """What a command did before it refused is gone; the mark and the refusal stay."""
    table: CommandTable = application.state.commands
    refusing = CommandTable.collect([__import__(__name__, fromlist=["refuse"])], {})
    table._by_alias.update(refusing._by_alias)
    before, table._alias = table._alias, refusing._alias
    try:
        assert await talk.say("Хлеб запиши и откажись") == "Передумал."
    finally:
        table._alias = before
        del table._by_alias["запиши и откажись"]
    async with async_session() as session:
        assert await Note.async_count(session) == 0
        assert await HandledUpdate.async_count(session) == 1


async def test_a_failing_commit_is_no_200(talk: Talk) -> None:
    """A database that can't write: 503, nothing is said, and the update may come again."""
    async with async_session() as session, session.begin():
        await session.execute(
            text(
                "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END $$"
            )
        )
        await session.execute(
            text(
                "CREATE CONSTRAINT TRIGGER full_disk AFTER INSERT ON outbox DEFERRABLE INITIALLY DEFERRED "
                "FOR EACH ROW EXECUTE FUNCTION full_disk()"
            )
        )
    post = updates.message("Хлеб скажи эхо", chat=talk.chat)
    response = await talk.client.post("/", json=post)
    assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")
    await talk.settle()
    assert not talk.bot_api.sent
    async with async_session() as session, session.begin():
        assert await HandledUpdate.async_count(session) == 0
        assert await FailedUpdate.async_count(session) == 0, "it is not the update's fault"
        await session.execute(text("DROP TRIGGER full_disk ON outbox"))
    (answer,) = await talk.post(post)
    assert answer.text == "эхо"


async def test_too_many_commands(talk: Talk, test_settings: pytest.MonkeyPatch) -> None:
    """A kind refusal, once; then silence; other members go on."""
    test_settings.setattr(settings, "COMMANDS_PER_MINUTE", 3)
    answers = [await talk.say("Хлеб скажи эхо") for _ in range(6)]
    assert answers[:3] == ["эхо"] * 3
    assert "Не так быстро" in str(answers[3]) and answers[4:] == [None, None]
    assert await talk.say("Хлеб скажи эхо", sender=updates.people.boris) == "эхо"


async def test_too_many_slow_commands(talk: Talk, test_settings: pytest.MonkeyPatch) -> None:
    """A chat may have only so many waiting."""
    test_settings.setattr(settings, "MAX_DEFERRED", 2)
    hanging = talk.bot_api.fail("getChatAdministrators", "hang", times=None)
    posts = [updates.message("Хлеб кто", chat=talk.chat) for _ in range(4)]
    for post in posts:
        assert (await talk.client.post("/", json=post)).status_code == 200
    await talk.bot_api.wait_for(2)
    assert all("думаю" in str(answer.text) for answer in talk.bot_api.sent)
    await talk.client.post("/", json=updates.message("Хлеб скажи эхо", chat=talk.chat))
    await talk.bot_api.wait_for(3)
    hanging.release()
    await talk.settle()
    assert len(talk.bot_api.sent) == 5


def test_a_log_line_stays_one_line() -> None:
    """Whatever a member types can't break a line of the log."""
    record = logging.LogRecord("x", logging.INFO, "", 0, "first\nsecond\r\u2028third", None, None)
    assert len(LineFormatter().format(record).splitlines()) == 1
