"""Everything works through a PgBouncer in transaction mode, where each transaction may meet another connection."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from alembic import command
from sqlalchemy import inspect, text

from bread_bot.main.database.base import async_session, get_engine, get_sync_engine, sync_session
from bread_bot.main.database.migrations import alembic_config, is_at_head, migrate
from bread_bot.main.settings import BASE_DIR, Connection
from bread_bot.tests.main.test_database import Loaf
from bread_bot.tests.talk import Talk
from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.updates import people


@pytest.fixture
async def tables(through_pgbouncer: Connection) -> AsyncIterator[None]:
    async with get_engine().begin() as connection:
        await connection.run_sync(Loaf.metadata.create_all)
    yield


async def test_more_sessions_than_connections(tables: None) -> None:
    async def bake(number: int) -> tuple[int, int]:
        async with async_session() as session, session.begin():
            loaf, _ = await Loaf.async_get_or_create(session, name=f"Булка {number % 10}")
            await loaf.async_update(session, weight=number, grain="рожь")
            pid = (await session.scalars(text("SELECT pg_backend_pid()"))).one()
        async with async_session() as session:
            found = await Loaf.async_filter(session, Loaf.name == loaf.name, order_by=Loaf.id)
            assert [one.id for one in found] == [loaf.id]
            rows, total = await Loaf.async_offset_records(session, limit=3, offset=1)
            assert total >= len(rows)
        return loaf.id, pid

    baked = await asyncio.gather(*(bake(number) for number in range(100)))
    assert len({id_ for id_, _ in baked}) == 10
    assert len({pid for _, pid in baked}) <= 3


async def test_no_prepared_statement_is_left_on_the_server(tables: None) -> None:
    async with async_session() as session:
        await Loaf.async_create(session, name="Батон")
        await Loaf.async_first(session, Loaf.name == "Батон")
        assert (await session.scalars(text("SELECT count(*) FROM pg_prepared_statements"))).one() == 0


def test_scripts_work_too(tables: None) -> None:
    for number in range(12):  # psycopg would begin to prepare a statement after five
        with sync_session() as session, session.begin():
            Loaf.create(session, name=f"Булка {number}")
            assert Loaf.count(session) == number + 1


async def test_connections_have_what_the_bot_needs(through_pgbouncer: Connection) -> None:
    names = ("jit", "statement_timeout", "lock_timeout")
    question = text("SELECT " + ", ".join(f"current_setting('{name}')" for name in names))
    async with async_session() as session:
        assert (await session.execute(question)).all() == [("off", "5s", "4s")]
    with sync_session() as synchronous:
        assert synchronous.execute(question).all() == [("off", "5s", "4s")]


async def test_a_restart_of_the_server_is_survived(tables: None) -> None:
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"

    async def ask() -> Any:
        async with async_session() as session:
            await session.execute(text("SELECT pg_sleep(0.01)"))
            return (await session.scalars(text("SELECT 7"))).one()

    assert await asyncio.gather(*(ask() for _ in range(6))) == [7] * 6
    async with async_session() as session:
        gone = set(await session.scalars(text(f"SELECT pid, pg_terminate_backend(pid) {others}")))
        while gone.intersection(await session.scalars(text(f"SELECT pid {others}"))):
            await session.execute(text("SELECT pg_stat_clear_snapshot()"))
    assert await asyncio.gather(*(ask() for _ in range(6))) == [7] * 6


async def test_migrations_go_through_it(through_pgbouncer: Connection) -> None:
    command.downgrade(alembic_config(), "base")
    assert not await is_at_head()
    migrate()
    assert await is_at_head()
    assert "chat" in inspect(get_sync_engine()).get_table_names()


def test_the_list_of_users_has_no_password() -> None:
    lines = (BASE_DIR / "pgbouncer" / "userlist.txt").read_text(encoding="utf-8").splitlines()
    assert all(line.startswith(";") for line in lines)


async def test_the_main_job_goes_through_it(through_pgbouncer: Connection, talk: Talk) -> None:
    talk.bot_api.world.set_member(talk.chat.id, people.anna.json, "creator")
    await talk.say("Хлеб добавь триггер Привет=Медвед")
    await talk.say("Хлеб добавь подстроку хлеб=Кто звал?")
    for _ in range(5):
        assert await talk.say("привет") == "Медвед"
        assert await talk.say("нет хлеба") == "Кто звал?"
    assert await talk.say("Хлеб кто тут") is not None
    assert await talk.say("Хлеб отмени") is not None
    posts = [updates.message("Хлеб скажи эхо", chat=updates.group()) for _ in range(40)]
    responses = await asyncio.gather(*(talk.client.post("/", json=post) for post in posts))
    assert {response.status_code for response in responses} == {200}
