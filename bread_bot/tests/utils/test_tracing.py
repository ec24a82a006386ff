"""Spans: who is whose parent, what is traced at all, and what it costs not to trace."""

import asyncio
import logging
import threading
from contextvars import Context
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from bread_bot.main.database.base import database_url
from bread_bot.main.settings import settings
from bread_bot.utils.masking import MASK, hide
from bread_bot.utils.tracing import (
    Trail,
    add_span_listener,
    client_span,
    configure_tracing,
    current_ids,
    following,
    instrument_engine,
    is_tracing,
    joined,
    request_id,
    server_span,
    span,
    together,
    traceparent,
    trail,
)

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEADER = f"00-{TRACE}-{PARENT}-01"


def test_off_is_one_shared_object() -> None:
    configure_tracing()
    assert not is_tracing()
    assert span("a", b=1) is span("c") is client_span("d") is joined(HEADER, "e")
    with span("a") as current:
        current.add_attribute("b", 1)
    with server_span("request", HEADER), joined(HEADER, "b"):
        assert (traceparent(), current_ids()) == (None, (None, None))


def test_telemetry_without_an_exporter_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "ENABLE_TELEMETRY", True)
    configure_tracing()
    assert not is_tracing()


def test_children(spans: list[Any]) -> None:
    with server_span("request"):
        with span("unit", updates=2, name="x") as current:
            current.add_attribute("more", "y")
            with client_span("call"):
                pass
        with span("other"):
            ids = current_ids()
    call, unit, other, request = spans
    assert [one.name for one in spans] == ["call", "unit", "other", "request"]
    assert [one.span_kind for one in spans] == [2, 0, 0, 1]
    assert (call.parent_span_id, unit.parent_span_id) == (unit.span_id, request.span_id)
    assert (other.parent_span_id, request.parent_span_id) == (request.span_id, None)
    assert len({one.context.trace_id for one in spans}) == 1
    assert unit.attributes == {"updates": 2, "name": "x", "more": "y"}
    assert request.start_time <= call.start_time <= call.end_time <= request.end_time
    assert ids == (other.context.trace_id, other.span_id)
    assert current_ids() == (None, None)


def test_traceparent_in_and_out(spans: list[Any]) -> None:
    with server_span("request", HEADER):
        outer = traceparent()
        with span("inner"):
            inner = traceparent()
    with joined(inner, "later", method="sendMessage"):
        pass
    inside, request, later = spans
    assert {one.context.trace_id for one in spans} == {TRACE}
    assert request.parent_span_id == PARENT
    assert (outer, inner) == (f"00-{TRACE}-{request.span_id}-01", f"00-{TRACE}-{inside.span_id}-01")
    assert later.parent_span_id == inside.span_id


async def test_tasks_beside_each_other_have_their_own_traceparent(spans: list[Any]) -> None:
    both_in = asyncio.Barrier(2)

    async def call(name: str) -> str | None:
        with span(name):
            await both_in.wait()
            return traceparent()

    with server_span("request"):
        sent = await asyncio.gather(call("a"), call("b"))
    first, second, request = sorted(spans, key=lambda one: str(one.name))
    assert list(sent) == [f"00-{one.context.trace_id}-{one.span_id}-01" for one in (first, second)]
    assert first.parent_span_id == second.parent_span_id == request.span_id


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "nonsense",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{TRACE}-{PARENT}",
        HEADER + "\n",
    ],
)
def test_a_bad_traceparent_begins_a_new_trace(spans: list[Any], header: str | None) -> None:
    with server_span("request", header):
        pass
    assert spans[0].context.trace_id != TRACE
    assert spans[0].parent_span_id is None


@pytest.mark.parametrize("end", ["-ff", "-0b", "-01-more"])
def test_odd_but_good_traceparents(spans: list[Any], end: str) -> None:
    version = "cc" if "more" in end else "00"
    with server_span("request", f"{version}-{TRACE}-{PARENT}{end}"):
        pass
    assert (spans[0].context.trace_id, spans[0].parent_span_id) == (TRACE, PARENT)


def test_sampling(spans: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "TRACE_SAMPLING_RATE", 0.0)
    with server_span("request"), span("inner"):
        assert traceparent() is None
        assert current_ids() == (request_id.get(), None)
        assert len(str(request_id.get())) == 32
    with server_span("request", f"00-{TRACE}-{PARENT}-00"):
        assert current_ids() == (TRACE, None)
    assert spans == []
    with server_span("request", HEADER):
        pass
    assert len(spans) == 1
    monkeypatch.setattr(settings, "TRACE_SAMPLING_RATE", 0.25)
    for _ in range(2000):
        with server_span("request"):
            pass
    assert 400 < len(spans) < 600


def test_a_row_without_traceparent_is_not_traced(spans: list[Any]) -> None:
    with server_span("the request that has started the task"):
        with joined(None, "row"), span("inner"):
            assert traceparent() is None
        assert traceparent() is not None
    assert len(spans) == 1


def test_errors(spans: list[Any]) -> None:
    with pytest.raises(ValueError), server_span("request"), span("inner"):
        raise ValueError("private words")
    for one in spans:
        assert (one.status.code, one.attributes["error"]) == (2, "ValueError")
        assert "private" not in repr(one) + repr(one.status.__dict__) + repr(one.attributes)


def test_secrets(spans: list[Any]) -> None:
    hide("123:secret")
    with server_span("GET /bot123:secret/"), span("123:secret", url="https://x/bot123%3Asecret/") as current:
        current.add_attribute("more", "123:secret")
    assert [one.name for one in spans] == [MASK, f"GET /bot{MASK}/"]
    assert spans[0].attributes == {"url": f"https://x/bot{MASK}/", "more": MASK}


def test_a_listener_that_fails_harms_nobody(spans: list[Any], caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: object) -> None:
        raise ValueError

    forget = add_span_listener(fail)
    with server_span("request"):
        pass
    forget()
    with server_span("request"):
        pass
    assert len(spans) == 2
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_sql(spans: list[Any]) -> None:
    engine = create_engine("sqlite://")
    instrument_engine(engine)
    with server_span("request"), span("unit"), engine.connect() as connection:
        connection.execute(text("SELECT :value\n  AS found"), {"value": "private"})
        with pytest.raises(DBAPIError):
            connection.execute(text("SELECT broken"))
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    engine.dispose()
    good, bad, unit, _ = spans
    assert (good.name, good.span_kind, good.parent_span_id) == ("sql SELECT", 2, unit.span_id)
    assert good.attributes == {"component": "postgresql", "db.statement": "SELECT ? AS found"}
    assert (good.status.code, bad.status.code, bad.attributes["error"]) == (0, 2, "OperationalError")


def test_an_engine_that_is_older_than_tracing(request: pytest.FixtureRequest) -> None:
    engine = create_engine("sqlite://")
    instrument_engine(engine)
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    spans = request.getfixturevalue("spans")
    with server_span("request"), engine.connect() as connection:
        connection.execute(text("SELECT 2"))
    engine.dispose()
    assert [one.name for one in spans] == ["sql SELECT", "request"]


async def test_sql_of_an_async_engine(spans: list[Any], database: object) -> None:
    engine = create_async_engine(database_url("asyncpg"))
    instrument_engine(engine)
    try:
        with server_span("request"):
            async with engine.connect() as connection:
                spans.clear()
                await connection.execute(text("SELECT CAST(:value AS text)"), {"value": "private"})
                begun = asyncio.create_task(connection.execute(text("SELECT pg_sleep(60)")))
                await _is_running(engine)
                begun.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await begun
    finally:
        await engine.dispose()
    statements = [one.attributes["db.statement"] for one in spans if one.name.startswith("sql")]
    assert "SELECT CAST($1 AS text)" in statements[0]
    request = spans[-1]
    assert spans[0].parent_span_id == request.span_id
    (cancelled,) = [one for one in spans if one.attributes.get("db.statement") == "SELECT pg_sleep(60)"]
    assert cancelled.attributes["error"] == "CancelledError"


async def _is_running(engine: Any) -> None:
    async with asyncio.timeout(10), engine.connect() as other:
        while not await other.scalar(
            text("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep%'")
        ):
            await other.rollback()


async def _work_together(*trails: Trail) -> list[tuple[tuple[str | None, str | None], str | None]]:
    seen = []
    with together("unit", trails, size=len(trails)) as own:
        seen.append((current_ids(), traceparent()))
        with span("for all"):
            pass
        for one in own:
            with following(one):
                seen.append((current_ids(), traceparent()))
                with span("for one") as current:
                    current.add_attribute("is_own", True)
    return seen


async def test_work_for_several_traces_at_once(spans: list[Any]) -> None:
    trails = []
    for name in ("first", "second"):
        with server_span(name):
            trails.append(trail())
    spans.clear()
    shared, *own = await asyncio.create_task(_work_together(*trails), context=Context())
    assert shared == ((None, None), None)
    units = [one for one in spans if one.name == "unit"]
    assert [(one.context.trace_id, one.parent_span_id) for one in units] == [
        (one.spans[0][0].trace_id, one.spans[0][1].span_id) for one in trails
    ]
    assert [one.attributes for one in units] == [{"size": 2}] * 2
    assert [ids for ids, _ in own] == [(one.context.trace_id, one.span_id) for one in units]
    for name in ("for all", "for one"):
        inner = [one for one in spans if one.name == name]
        assert [(one.context.trace_id, one.parent_span_id) for one in inner] == [ids for ids, _ in own]
    assert [one.attributes for one in spans if one.name == "for one"] == [{"is_own": True}] * 2
    assert len({one.span_id for one in spans}) == len(spans) == 6


async def test_work_together_of_which_not_all_is_traced(spans: list[Any]) -> None:
    with server_span("first"):
        traced = trail()
    spans.clear()
    _, nobody, own = await _work_together(Trail("an id", ()), traced)
    assert nobody == (("an id", None), None)
    assert {one.context.trace_id for one in spans} == {own[0][0]}
    assert [one.name for one in spans] == ["for all", "for one", "unit"]


async def test_work_together_without_tracing() -> None:
    shared, *own = await _work_together(Trail("one", ()), Trail("two", ()))
    assert [ids for ids, _ in own] == [("one", None), ("two", None)]
    assert shared == ((None, None), None)
    assert current_ids() == (None, None)


def test_threads(spans: list[Any]) -> None:
    seen: list[Any] = []
    with server_span("request"):
        thread = threading.Thread(target=lambda: seen.append(traceparent()))
        thread.start()
        thread.join()
        assert asyncio.run(asyncio.to_thread(traceparent)) == traceparent()
    assert seen == [None]
