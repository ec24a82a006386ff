"""getUpdates, where no public address is set, and how the bot makes itself known."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI

from bread_bot.bot import announcement, polling
from bread_bot.bot.presence import Presence
from bread_bot.main.settings import Connection, settings
from bread_bot.tests.talk import Talk
from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.fake import BotAPI


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long polling and announcing would have paused."""
    paused: list[float] = []
    real = asyncio.sleep

    async def pause(seconds: float) -> None:
        paused.append(seconds)
        await real(0)

    for module in (polling, announcement):
        monkeypatch.setattr(module, "_sleep", pause)
    return paused


@pytest.fixture
async def polled(
    application: FastAPI,
    database: Connection,
    bot_api: BotAPI,
    test_settings: pytest.MonkeyPatch,
    no_waiting: list[float],
) -> AsyncIterator[FastAPI]:
    """The running app without a public address."""
    test_settings.setattr(settings, "WEBHOOK_URL", None)
    async with application.router.lifespan_context(application):
        await bot_api.wait_for_call("deleteWebhook")
        yield application


async def test_updates_are_fetched(polled: FastAPI, bot_api: BotAPI) -> None:
    """Each once, confirmed by the next offset."""
    post = updates.message("Хлеб скажи эхо")
    bot_api.deliver(post, updates.message("Хлеб скажи ещё"))
    answers = await bot_api.wait_for(2)
    assert sorted(str(answer.text) for answer in answers) == ["ещё", "эхо"]
    await bot_api.wait_for(lambda api: api.calls_of("getUpdates")[-1].params.get("offset") == post["update_id"] + 2)
    methods = [call.method for call in bot_api.calls]
    assert methods.index("deleteWebhook") < methods.index("getUpdates")


async def test_a_failure_is_fetched_again(
    polled: FastAPI, bot_api: BotAPI, monkeypatch: pytest.MonkeyPatch, no_waiting: list[float]
) -> None:
    """The offset is not confirmed before the commit."""
    dispatcher = polled.state.dispatcher
    real, failures = dispatcher._work, [OSError("the database is gone")] * 2

    async def work(jobs: object) -> None:
        if failures:
            raise failures.pop()
        await real(jobs)

    monkeypatch.setattr(dispatcher, "_work", work)
    bot_api.deliver(updates.message("Хлеб скажи эхо"))
    (answer,) = await bot_api.wait_for(1)
    assert answer.text == "эхо" and not failures


async def test_a_conflict_is_explained(
    polled: FastAPI, bot_api: BotAPI, caplog: pytest.LogCaptureFixture, no_waiting: list[float]
) -> None:
    """409: the log says what to do, and polling goes on after a growing pause."""
    bot_api.fail("getUpdates", "conflict", times=3)
    bot_api.deliver(updates.message("Хлеб скажи эхо"))
    await bot_api.wait_for(1)
    assert "Another program polls" in caplog.text
    assert sorted(no_waiting)[-1] > 1


async def test_a_telegram_that_does_not_wait(
    polled: FastAPI, bot_api: BotAPI, monkeypatch: pytest.MonkeyPatch, no_waiting: list[float]
) -> None:
    """An empty answer at once is no reason to ask without a pause."""
    monkeypatch.setattr(polling, "LONG_POLL", 0)
    bot_api.deliver(updates.message("Хлеб скажи эхо"))
    await bot_api.wait_for(1)
    before = no_waiting.count(1.0)
    asked = len(bot_api.calls_of("getUpdates"))
    await bot_api.wait_for_call("getUpdates", asked + 3)
    assert no_waiting.count(1.0) >= before + 2


async def test_one_process_polls(talk: Talk) -> None:
    """However many processes run, one has the duty; when it goes, another takes it."""
    first, second = Presence(), Presence()
    await first.beat()
    await second.beat()
    assert await first.take_duty("polling of a test")
    assert not await second.take_duty("polling of a test")
    assert await first.take_duty("polling of a test")
    await first.stop()
    assert await second.take_duty("polling of a test")
    await second.stop()


async def test_the_webhook_is_set(talk: Talk, caplog: pytest.LogCaptureFixture) -> None:
    """With a secret, the kinds of updates that the bot reads, and how many at once."""
    params = talk.bot_api.calls_of("setWebhook")[0].params
    assert params["url"] == "https://bread.example/"
    assert params["secret_token"] == talk.app.state.webhook_secret and len(params["secret_token"]) > 20
    assert {"message", "edited_message", "callback_query", "my_chat_member", "chat_member"} <= set(
        params["allowed_updates"]
    )
    assert params["max_connections"] == settings.WEBHOOK_MAX_CONNECTIONS
    assert talk.bot_api.calls_of("setMyCommands")
    said = " ".join(record.getMessage() for record in caplog.get_records("setup"))
    for line in (f"@{talk.bot_api.me['username']}", "registered with setMyCommands", "The webhook is set to"):
        assert line in said
    assert params["secret_token"] not in said


async def test_the_secret_is_kept(application: FastAPI, app: FastAPI) -> None:
    """Made up once, the same after a restart; one's own wins."""
    assert await announcement.webhook_secret() == app.state.webhook_secret


async def test_telegram_is_down_at_start(
    application: FastAPI,
    database: Connection,
    bot_api: BotAPI,
    test_settings: pytest.MonkeyPatch,
    no_waiting: list[float],
) -> None:
    """The server serves, and announces itself as soon as Telegram answers."""
    bot_api.fail(None, "refused connection", times=6)
    async with application.router.lifespan_context(application):
        await bot_api.wait_for_call("setWebhook")
        await bot_api.wait_for_call("getMe")
    assert {1.0, 2.0} <= set(no_waiting), "it asks more and more seldom"
