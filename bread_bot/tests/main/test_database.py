"""Engines, sessions and what tables have in common, against a real PostgreSQL."""

import asyncio
import inspect
import socket
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import MetaData, Text, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.pool import QueuePool

from bread_bot.main.database import base
from bread_bot.main.database.base import (
    async_session,
    database_url,
    dispose_engines,
    get_engine,
    get_sync_engine,
    is_unavailable,
    sync_session,
)
from bread_bot.main.database.mixins import BaseModel, CRUDMixin
from bread_bot.main.settings import DATABASE_SETTINGS, Connection, settings


class Loaf(BaseModel, CRUDMixin):
    """A table of this test's own: it is not in Base.metadata, so that migrations don't know it."""

    metadata = MetaData(naming_convention=base.Base.metadata.naming_convention)
    __tablename__ = "loaf"

    name: Mapped[str] = mapped_column(Text, unique=True)
    grain: Mapped[str | None] = mapped_column(Text)
    weight: Mapped[int] = mapped_column(server_default=text("500"))


class Bakery:
    """The methods of CRUDMixin by their plain names, through a session of either kind."""

    def __init__(self, session: Session | AsyncSession) -> None:
        self.session = session

    async def __call__(self, name: str, /, *arguments: Any, row: Loaf | None = None, **named: Any) -> Any:
        prefix = "async_" if isinstance(self.session, AsyncSession) else ""
        result = getattr(row if row is not None else Loaf, prefix + name)(self.session, *arguments, **named)
        return await result if inspect.isawaitable(result) else result


@pytest.fixture
async def tables(database: Connection) -> None:
    async with get_engine().begin() as connection:
        await connection.run_sync(Loaf.metadata.create_all)


@pytest.fixture(params=["sync", "async"])
async def bakery(tables: None, request: pytest.FixtureRequest) -> AsyncIterator[Bakery]:
    if request.param == "sync":
        with sync_session() as session:
            yield Bakery(session)
    else:
        async with async_session() as asynchronous:
            yield Bakery(asynchronous)


async def test_create_and_get(bakery: Bakery) -> None:
    made = await bakery("create", name="Бородинский", grain="рожь")
    assert (made.id, made.weight) == (1, 500)
    assert made.created_at == made.updated_at
    assert made.created_at.utcoffset() == timedelta(0)
    assert await bakery("get", made.id) is made
    assert await bakery("get", 77) is None


async def test_filter_first_all_and_count(bakery: Bakery) -> None:
    for name, grain in [("Батон", "пшеница"), ("Лаваш", "пшеница"), ("Бородинский", "рожь")]:
        await bakery("create", name=name, grain=grain)
    wheat = Loaf.grain == "пшеница"
    assert [loaf.name for loaf in await bakery("filter", wheat)] == ["Батон", "Лаваш"]
    assert [loaf.name for loaf in await bakery("filter", wheat, order_by=Loaf.name.desc())] == ["Лаваш", "Батон"]
    assert [loaf.name for loaf in await bakery("filter", order_by=[Loaf.grain.desc(), Loaf.name], limit=2)] == [
        "Бородинский",
        "Батон",
    ]
    assert [loaf.name for loaf in await bakery("filter", offset=1, limit=1)] == ["Лаваш"]
    assert (await bakery("first", wheat, Loaf.name.like("Л%"))).name == "Лаваш"
    assert await bakery("first", Loaf.grain == "овёс") is None
    assert len(await bakery("all")) == 3
    assert [loaf.name for loaf in await bakery("all", order_by=Loaf.name)] == ["Батон", "Бородинский", "Лаваш"]
    assert await bakery("count") == 3
    assert await bakery("count", wheat) == 2


async def test_offset_records_gives_a_page_and_the_total(bakery: Bakery) -> None:
    for number in range(5):
        await bakery("create", name=f"Булка {number}")
    rows, total = await bakery("offset_records", limit=2, offset=2)
    assert ([row.name for row in rows], total) == (["Булка 2", "Булка 3"], 5)
    rows, total = await bakery("offset_records", Loaf.name == "Булка 4", limit=2, order_by=Loaf.name)
    assert ([row.name for row in rows], total) == (["Булка 4"], 1)
    assert await bakery("offset_records", limit=2, offset=6) == ([], 5)


async def test_update_and_delete(bakery: Bakery) -> None:
    loaf = await bakery("create", name="Батон")
    assert await bakery("update", row=loaf, weight=400, grain="пшеница") is loaf
    assert (loaf.weight, loaf.grain) == (400, "пшеница")
    assert loaf.updated_at >= loaf.created_at  # read back with the change, or an async session could not read it
    with pytest.raises(AttributeError, match="Loaf has no column 'wieght'"):
        await bakery("update", row=loaf, wieght=1)
    await bakery("delete", row=loaf)
    assert await bakery("count") == 0


async def test_get_or_create(bakery: Bakery) -> None:
    made, is_made = await bakery("get_or_create", name="Лаваш", defaults={"weight": 250})
    assert (made.name, made.weight, is_made) == ("Лаваш", 250, True)
    found, is_made = await bakery("get_or_create", name="Лаваш", defaults={"weight": 1})
    assert (found.id, found.weight, is_made) == (made.id, 250, False)


async def test_get_or_create_does_not_hide_another_conflict(bakery: Bakery) -> None:
    await bakery("create", name="Лаваш")
    with pytest.raises(IntegrityError):
        await bakery("get_or_create", id=77, defaults={"name": "Лаваш"})


async def test_nothing_is_committed(bakery: Bakery) -> None:
    await bakery("create", name="Лаваш")
    async with async_session() as session:
        assert await Loaf.async_count(session) == 0


async def test_forty_at_once_make_one_row(tables: None) -> None:
    async def make() -> tuple[int, bool]:
        async with async_session() as session, session.begin():
            loaf, is_made = await Loaf.async_get_or_create(session, name="Лаваш")
            return loaf.id, is_made

    made = await asyncio.gather(*(make() for _ in range(40)))
    assert len({id_ for id_, _ in made}) == 1
    assert sum(is_made for _, is_made in made) == 1


async def test_constraints_have_names(tables: None) -> None:
    async with async_session() as session:
        names = await session.scalars(text("SELECT conname FROM pg_constraint WHERE conrelid = 'loaf'::regclass"))
        assert {"pk_loaf", "uq_loaf_name"} <= set(names)


async def test_the_pool_has_its_size_and_a_limit_to_waiting(
    database: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "DB_MAX_POOL", 2)
    monkeypatch.setattr(settings, "DB_POOL_TIMEOUT", 0.05)
    async with get_engine().connect(), get_engine().connect():
        with pytest.raises(PoolTimeoutError) as failure:
            async with get_engine().connect():
                pass
    assert is_unavailable(failure.value)
    pool = get_engine().pool
    assert isinstance(pool, QueuePool) and pool.size() == 2


async def test_sessions_have_what_the_settings_say(database: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "DB_STATEMENT_TIMEOUT", 1.5)
    monkeypatch.setattr(settings, "APP_NAME", "oven")
    wanted = [("off", "1500ms", "1200ms", "oven")]
    names = ("jit", "statement_timeout", "lock_timeout", "application_name")
    question = text("SELECT " + ", ".join(f"current_setting('{name}')" for name in names))
    async with async_session() as session:
        assert (await session.execute(question)).all() == wanted
    with sync_session() as synchronous:
        assert synchronous.execute(question).all() == wanted


async def test_a_long_statement_is_cut_off(database: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "DB_STATEMENT_TIMEOUT", 0.1)
    with pytest.raises(DBAPIError, match="statement timeout") as failure:
        async with async_session() as session:
            await session.execute(text("SELECT pg_sleep(30)"))
    assert is_unavailable(failure.value)
    with sync_session() as synchronous, pytest.raises(OperationalError, match="statement timeout") as failure:
        synchronous.execute(text("SELECT pg_sleep(30)"))
    assert is_unavailable(failure.value)


async def test_errors_of_the_program_are_not_the_database_being_away(tables: None) -> None:
    async with async_session() as session:
        with pytest.raises(ProgrammingError) as failure:
            await session.execute(text("SELECT bread FROM nowhere"))
    assert not is_unavailable(failure.value)
    assert not is_unavailable(FileNotFoundError())


async def test_values_and_passwords_are_hidden(
    tables: None, database: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with async_session() as session:
        with pytest.raises(DBAPIError) as failure:
            await session.execute(select(Loaf).where(Loaf.name == "тайна", text("1/0 = 1")))
    assert "тайна" not in str(failure.value)
    monkeypatch.setitem(DATABASE_SETTINGS, "default", Connection(**{**database, "password": "p@ss/word"}))
    await dispose_engines()
    told = f"{database_url('asyncpg')!r} {database_url('psycopg')} {get_engine()!r} {get_sync_engine()!r}"
    assert "p@ss" not in told and "p%40ss" not in told and "***" in told


async def test_a_restart_of_the_server_is_survived(tables: None) -> None:
    async def ask() -> tuple[int, Any]:
        async with async_session() as session:
            raw = await (await session.connection()).get_raw_connection()
            return (await session.scalars(text("SELECT pg_backend_pid()"))).one(), raw.driver_connection

    before = await asyncio.gather(*(ask() for _ in range(5)))
    with sync_session() as session:
        for pid, _ in before:
            session.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    async with asyncio.timeout(5):
        while not all(driver_connection.is_closed() for _, driver_connection in before):
            await asyncio.sleep(0)
    after = await asyncio.gather(*(ask() for _ in range(5)))
    assert not {pid for pid, _ in before} & {pid for pid, _ in after}


async def test_a_connection_that_breaks_in_use_is_an_outage_and_the_next_works(tables: None) -> None:
    async with async_session() as session:
        pid = (await session.scalars(text("SELECT pg_backend_pid()"))).one()
        with sync_session() as synchronous:
            synchronous.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        with pytest.raises(DBAPIError) as failure:
            await session.execute(text("SELECT 1"))
    assert is_unavailable(failure.value)
    async with async_session() as session:
        assert (await session.scalars(text("SELECT 1"))).one() == 1


class Proxy:
    """Stands between the client and the server; told to be silent, it passes nothing on, and accepts all the same."""

    def __init__(self, server: Connection) -> None:
        self.server = server
        self.is_silent = False
        self.asked = 0
        self.tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        host, port = self.server["host"], self.server["port"]
        from_server, to_server = await (
            asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}") if host.startswith("/")
            else asyncio.open_connection(host, port)
        )
        self.tasks.add(asyncio.create_task(self.carry(from_client, to_server, is_question=True)))
        self.tasks.add(asyncio.create_task(self.carry(from_server, to_client)))

    async def carry(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, is_question: bool = False
    ) -> None:
        try:
            while data := await source.read(65536):
                self.asked += is_question
                if not self.is_silent:
                    target.write(data)
        finally:
            target.transport.abort()


@pytest.fixture
async def proxy(database: Connection, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Proxy]:
    """A proxy before the database, which the engines use, with little patience."""
    proxy = Proxy(database)
    listener = await asyncio.start_server(proxy, "127.0.0.1", 0)
    use(monkeypatch, listener.sockets[0].getsockname()[1])
    await dispose_engines()
    yield proxy
    await dispose_engines()
    listener.close()
    for task in proxy.tasks:
        task.cancel()
    await asyncio.gather(*proxy.tasks, return_exceptions=True)


@pytest.fixture
async def silent_server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """A server that lets everybody in and says nothing, which the engines use, with little patience."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        await dispose_engines()
        use(monkeypatch, listener.getsockname()[1])
        yield
        await dispose_engines()


def use(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    address: Connection = {**DATABASE_SETTINGS["default"], "host": "127.0.0.1", "port": port, "is_running": True}
    monkeypatch.setitem(DATABASE_SETTINGS, "default", {**address, "password": "secret"})
    for name, seconds in [("DB_STATEMENT_TIMEOUT", 0.2), ("DB_CONNECT_TIMEOUT", 0.3), ("DB_POOL_TIMEOUT", 0.3)]:
        monkeypatch.setattr(settings, name, seconds)
    monkeypatch.setattr(base, "_GRACE_SECONDS", 0.1)


async def ask() -> int:
    async with async_session() as session:
        return int((await session.scalars(text("SELECT 7"))).one())


async def test_a_server_that_never_answers_fails_soon(silent_server: None) -> None:
    begun = time.monotonic()
    with pytest.raises(OperationalError, match="no connection: TimeoutError") as failure:
        await ask()
    assert is_unavailable(failure.value)
    assert "secret" not in str(failure.value)
    assert time.monotonic() - begun < 2


def test_a_server_that_never_answers_fails_soon_without_asyncio_too(silent_server: None) -> None:
    begun = time.monotonic()
    with pytest.raises(OperationalError, match="timeout") as failure, get_sync_engine().connect():
        pass
    assert is_unavailable(failure.value)
    assert "secret" not in str(failure.value)
    assert time.monotonic() - begun < 4


async def test_a_server_that_falls_silent_fails_soon_and_is_used_again(proxy: Proxy) -> None:
    assert await asyncio.gather(*(ask() for _ in range(5))) == [7] * 5
    proxy.is_silent = True
    begun = time.monotonic()
    failures = await asyncio.gather(*(ask() for _ in range(5)), return_exceptions=True)
    assert all(isinstance(one, DBAPIError) and is_unavailable(one) for one in failures)
    assert time.monotonic() - begun < 2
    proxy.is_silent = False
    assert await asyncio.gather(*(ask() for _ in range(25))) == [7] * 25


async def test_a_checkout_costs_no_round_trip(proxy: Proxy) -> None:
    await ask()
    begun = proxy.asked
    await ask()
    assert proxy.asked - begun == len(["BEGIN", "SELECT", "ROLLBACK"])


async def test_a_server_that_is_not_there_is_an_outage(
    database: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DATABASE_SETTINGS, "default", Connection(**{**database, "host": "127.0.0.1", "port": 1}))
    for _ in range(2):
        with pytest.raises(OperationalError, match="no connection") as failure:
            async with async_session() as session:
                await session.execute(text("SELECT 1"))
        assert is_unavailable(failure.value)


async def test_a_wrong_database_is_an_outage(database: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DATABASE_SETTINGS, "default", Connection(**{**database, "database": "nowhere"}))
    with pytest.raises(DBAPIError, match="nowhere") as failure:
        async with async_session() as session:
            await session.execute(text("SELECT 1"))
    assert is_unavailable(failure.value)


async def test_a_cancelled_task_gives_its_connection_back(tables: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "DB_MAX_POOL", 1)

    async def ask(seconds: float) -> None:
        async with async_session() as session:
            await session.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": seconds})

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await ask(4)
    async with asyncio.timeout(3):
        await ask(0)
