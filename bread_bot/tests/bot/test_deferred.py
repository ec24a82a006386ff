"""Commands that wait for something outside: they keep nobody waiting, and survive what happens to their process."""

import asyncio

import pytest
from sqlalchemy import func, select, update

from bread_bot.bot.deferred import FAILED, TOO_MANY, Deferrer
from bread_bot.bot.models import Deferred
from bread_bot.main.database.base import async_session
from bread_bot.main.settings import settings
from bread_bot.tests.talk import Talk
from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.updates import people

ASK = "Хлеб распространи в Пекарня"


@pytest.fixture
async def deferrer(talk: Talk) -> Deferrer:
    """That of the app; Anna speaks in her private chat, and has a group to propagate to."""
    bakery = updates.group("Пекарня")
    talk.bot_api.world.set_member(bakery.id, people.anna.json)
    await talk.say("всем привет", chat=bakery)
    talk.chat = people.anna.private
    await talk.say("Хлеб добавь триггер привет=медвед")
    deferrer: Deferrer = talk.app.state.deferrer
    return deferrer


async def ask(talk: Talk, said: str = ASK) -> None:
    """Say something without waiting for the answer."""
    assert (await talk.client.post("/", json=updates.message(said, chat=talk.chat))).status_code == 200


async def make_due(owner: int | None = None) -> None:
    """As if the time to try again had come, and somebody had it in hand."""
    async with async_session() as session, session.begin():
        await session.execute(update(Deferred).values(resume_at=func.now(), owner=owner))


async def count() -> int:
    """How many are put off."""
    async with async_session() as session:
        return await session.scalar(select(func.count()).select_from(Deferred)) or 0


async def test_it_keeps_nobody_waiting(talk: Talk, deferrer: Deferrer) -> None:
    """While Telegram thinks, the chat goes on, and no connection is held."""
    hanging = talk.bot_api.fail("getChatMember", "hang")
    before = len(talk.bot_api.sent)
    await ask(talk)
    await talk.bot_api.wait_for(lambda api: api.calls_of("getChatMember"))
    await ask(talk, "Хлеб скажи раз")
    await talk.bot_api.wait_for(before + 1)
    assert talk.bot_api.sent[-1].text == "раз"
    hanging.release()
    await talk.settle()
    assert len(talk.bot_api.sent) == before + 2
    assert await count() == 0


async def test_it_runs_again_after_a_crash(talk: Talk, deferrer: Deferrer) -> None:
    """Another process takes it over; so does its own, if it had lost sight of it."""
    for owner in (12345, deferrer._presence.id):
        before = len(talk.bot_api.sent)
        calls = len(talk.bot_api.calls_of("getChatMember"))
        hanging = talk.bot_api.fail("getChatMember", "hang")
        await ask(talk)
        await talk.bot_api.wait_for(lambda api: len(api.calls_of("getChatMember")) > calls)
        for task in list(deferrer._running.values()):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        hanging.release()
        await make_due(owner)
        await deferrer.sweep()
        await talk.settle()
        assert len(talk.bot_api.sent) == before + 1
        assert await count() == 0


async def test_a_bug(talk: Talk, deferrer: Deferrer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again a few times; then one friendly line is said."""

    async def broken(*_: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(deferrer.dispatcher, "answer_deferred", broken)
    before = len(talk.bot_api.sent)
    await ask(talk)
    await talk.settle()
    for _ in range(2):
        assert len(talk.bot_api.sent) == before and await count() == 1
        await make_due()
        await deferrer.sweep()
        await talk.settle()
    assert [one.text for one in talk.bot_api.sent[before:]] == [FAILED]
    assert await count() == 0


async def test_too_many(talk: Talk, deferrer: Deferrer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chat can't use up the server."""
    monkeypatch.setattr(settings, "MAX_DEFERRED", 2)
    hanging = talk.bot_api.fail("getChatMember", "hang", times=2)
    before = len(talk.bot_api.sent)
    for _ in range(3):
        await ask(talk)
    await talk.bot_api.wait_for(before + 1)
    assert talk.bot_api.sent[-1].text == TOO_MANY
    hanging.release()
    await talk.settle()
    assert len(talk.bot_api.sent) == before + 3
