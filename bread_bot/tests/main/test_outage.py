"""A database that is down, that hangs, or that is too busy: 503 soon, health says so, and work goes on by itself."""

import asyncio
import time
from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy import text

from bread_bot.bot.context import Context
from bread_bot.bot.models import FailedUpdate
from bread_bot.main.database.base import async_session, dispose_engines, get_engine
from bread_bot.main.settings import DATABASE_SETTINGS, Connection, settings
from bread_bot.tests.stumbling import Stumbling
from bread_bot.tests.talk import Talk
from bread_bot.tests.telegram import updates

SOON = 3.0


@pytest.fixture
async def impatient(talk: Talk, test_settings: pytest.MonkeyPatch) -> AsyncIterator[Talk]:
    """The app with short limits, which has just lost its connections."""
    for name in ("DB_CONNECT_TIMEOUT", "DB_POOL_TIMEOUT", "DB_STATEMENT_TIMEOUT"):
        test_settings.setattr(settings, name, 0.3)
    await talk.say("привет")
    await dispose_engines()
    yield talk
    await dispose_engines()


async def _refused(talk: Talk) -> None:
    began = time.monotonic()
    response = await talk.client.post("/", json=updates.message("Хлеб скажи эхо", chat=talk.chat))
    assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")
    assert (await talk.client.get("/health/ready")).status_code == 503
    assert (await talk.client.get("/health/live")).status_code == 200
    assert time.monotonic() - began < SOON
    assert get_engine().pool.checkedout() == 0  # type: ignore[attr-defined]  # a QueuePool counts


async def _works_again(talk: Talk, connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DATABASE_SETTINGS, "default", connection)
    await dispose_engines()
    assert await talk.say("Хлеб скажи эхо") == "эхо"
    assert (await talk.client.get("/health/ready")).status_code == 200


async def test_down(impatient: Talk, database: Connection, test_settings: pytest.MonkeyPatch) -> None:
    """Nobody listens there."""
    test_settings.setitem(DATABASE_SETTINGS, "default", Connection(**{**database, "host": "127.0.0.1", "port": 1}))
    await _refused(impatient)
    await _works_again(impatient, database, test_settings)


async def test_hanging(impatient: Talk, database: Connection, test_settings: pytest.MonkeyPatch) -> None:
    """It accepts, and never answers."""
    held: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    test_settings.setitem(DATABASE_SETTINGS, "default", Connection(**{**database, "host": "127.0.0.1", "port": port}))
    try:
        await _refused(impatient)
    finally:
        for writer in held:
            writer.close()
        server.close()
    await _works_again(impatient, database, test_settings)


async def test_restarted(talk: Talk, database: Connection) -> None:
    """All its connections break: the next update finds new ones."""
    assert await talk.say("Хлеб скажи раз") == "раз"
    async with async_session() as session:
        await session.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    assert await talk.say("Хлеб скажи два") == "два"


async def test_a_statement_that_waits_too_long(impatient: Talk) -> None:
    """A lock that somebody holds: 503 soon; afterwards it works, and no connection has leaked."""
    async with async_session() as session:
        await session.execute(text("LOCK TABLE handled_update IN ACCESS EXCLUSIVE MODE"))
        posts = [updates.message("Хлеб скажи эхо", chat=updates.group()) for _ in range(5)]
        responses = await asyncio.gather(*(impatient.client.post("/", json=post) for post in posts))
        assert {response.status_code for response in responses} == {503}
        assert await FailedUpdate.async_count(session) == 0, "it is not their fault"
    assert await impatient.say("Хлеб скажи эхо") == "эхо"
    pool = get_engine().pool
    assert pool.checkedout() == 0  # type: ignore[attr-defined]  # a QueuePool counts


async def test_an_update_that_takes_too_long(
    stumbling: Stumbling, impatient: Talk, test_settings: pytest.MonkeyPatch
) -> None:
    """It fails like any other, and is set aside; those who share its transaction go alone, and succeed."""

    async def fall(context: Context) -> None:
        await context.session.execute(text("SELECT pg_sleep(30)"))

    test_settings.setattr(settings, "MAX_ATTEMPTS", 2)
    test_settings.setattr(stumbling, "fall", fall)
    poison = updates.message("споткнись", chat=impatient.chat)
    statuses = []
    for _ in range(2):
        posts = [poison, *(updates.message("привет", chat=updates.group()) for _ in range(3))]
        responses = await asyncio.gather(*(impatient.client.post("/", json=post) for post in posts))
        statuses.append([response.status_code for response in responses])
    assert statuses == [[503, 200, 200, 200], [200, 200, 200, 200]]
    async with async_session() as session:
        (failed,) = await FailedUpdate.async_all(session)
    assert failed.set_aside_at is not None and "statement timeout" in failed.error


async def test_no_secret_in_an_error(
    impatient: Talk, database: Connection, test_settings: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A database that can't be reached tells nobody its password."""
    wrong = Connection(**{**database, "host": "127.0.0.1", "port": 1, "password": "geheimes-passwort"})
    test_settings.setitem(DATABASE_SETTINGS, "default", wrong)
    response: httpx.Response = await impatient.client.get("/health/ready")
    assert "geheim" not in response.text + caplog.text
    await _works_again(impatient, database, test_settings)
