"""An update's whole way in its own trace, from the webhook to the Bot API's call, whoever it travels with."""

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from bread_bot.bot import lifespan
from bread_bot.bot.deferred import Deferrer
from bread_bot.bot.units import UNITS
from bread_bot.main.database.base import async_session
from bread_bot.main.settings import Connection, settings
from bread_bot.tests.bot.test_deferred import make_due
from bread_bot.tests.stumbling import Stumbling
from bread_bot.tests.talk import Talk
from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.fake import BotAPI
from bread_bot.utils import tracing
from bread_bot.utils.base_client import open_pool
from bread_bot.utils.json_logger import LineFormatter

CALLER = "00f067aa0ba902b7"
SEND = "POST https://api.telegram.org/bot***/sendMessage"
WAY = ["POST /", "unit of work", "outbox", SEND]
WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = CAST('handled_update' AS regclass)")


class Trace(list[Any]):
    """The finished spans of one trace, the innermost first."""

    def named(self, name: str) -> Any:
        """The one span of that name."""
        (found,) = [one for one in self if one.name == name]
        return found

    def way(self, last: Any) -> list[str]:
        """The names from the root to a span."""
        by_id = {one.span_id: one for one in self}
        names: list[str] = []
        while last is not None:
            names.insert(0, last.name)
            assert last.parent_span_id in (*by_id, CALLER, None), f"the parent of {names} is missing"
            last = by_id.get(last.parent_span_id)
        return names


class Traces(list[Any]):
    """All spans that have finished."""

    def of(self, number: int) -> Trace:
        """One trace."""
        return Trace(one for one in self if one.context.trace_id == trace_id(number))


@pytest.fixture
def traces() -> Iterator[Traces]:
    """Tracing is on."""
    finished = Traces()
    forget = tracing.add_span_listener(finished.append)
    yield finished
    forget()


def trace_id(number: int) -> str:
    """A trace that somebody has begun who calls the webhook."""
    return f"{number:032x}"


async def post(client: httpx.AsyncClient, number: int, update: dict[str, Any]) -> httpx.Response:
    """Deliver an update within a trace."""
    return await client.post("/", json=update, headers={"traceparent": f"00-{trace_id(number)}-{CALLER}-01"})


async def deliver_at_once(talk: Talk, *given: dict[str, Any]) -> None:
    """Let updates share a unit of work: both units are busy when they come, with others that wait for a lock."""
    async with asyncio.TaskGroup() as group, async_session() as session:
        await session.execute(text("LOCK TABLE handled_update IN ACCESS EXCLUSIVE MODE"))
        for units in range(1, UNITS + 1):
            group.create_task(talk.client.post("/", json=updates.message("не мешай", chat=updates.group())))
            while await session.scalar(WAITING) != units:
                pass
        for number, update in enumerate(given, 1):
            group.create_task(post(talk.client, number, update))
        while talk.dispatcher.in_hand < UNITS + len(given):
            await asyncio.sleep(0)
    await talk.settle()


async def test_a_command_and_a_listener_in_one_unit(talk: Talk, traces: Traces) -> None:
    """Each of two updates has its own whole way, and the statements that were made for both."""
    await talk.say("Хлеб добавь триггер привет=медвед")
    ordered, said = updates.message("Хлеб скажи эхо", chat=updates.group()), updates.message("привет", chat=talk.chat)
    await deliver_at_once(talk, ordered, said)
    command, listener = traces.of(1), traces.of(2)
    for trace in (command, listener):
        assert trace.named("unit of work").attributes["updates"] == 2
        assert trace.way(trace.named(SEND)) == WAY
        assert WAY[:2] + ["sql WITH"] in [trace.way(one) for one in trace], "what marks both as handled"
        assert trace.named("outbox").attributes["method"] == "sendMessage"
        assert 0 <= trace.named("outbox").attributes["waited_seconds"] < 60
    assert command.way(command.named("command скажи")) == WAY[:2] + ["command скажи"]
    assert listener.way(listener.named("listener react")) == WAY[:2] + ["listener react"]
    assert not [one.name for one in command if one.name.startswith("listener ")]
    assert not [one.name for one in listener if one.name.startswith("command ")]
    ids = [one.span_id for one in command + listener]
    assert len(ids) == len(set(ids))


async def test_statements_of_one_update_are_its_own(talk: Talk, traces: Traces) -> None:
    """What a command reads and writes shows in its trace, and in no other of the unit."""
    taught, said = updates.message("Хлеб добавь триггер а=б", chat=talk.chat), updates.message(
        "и", chat=updates.group()
    )
    await deliver_at_once(talk, taught, said)
    assert traces.of(2).named("unit of work").attributes["updates"] == 2
    inner = [one for one in traces.of(1) if "command добавь" in " ".join(traces.of(1).way(one)) and "sql" in one.name]
    assert inner
    statements = [one.attributes.get("db.statement") for one in traces.of(2)]
    assert not {one.attributes["db.statement"] for one in inner} & set(statements)


async def test_one_chat_after_the_other(talk: Talk, traces: Traces) -> None:
    """Updates of one chat, each in a unit of its own that the last one's has started, keep their traces apart."""
    posts = [post(talk.client, n, updates.message(f"Хлеб скажи {n}", chat=talk.chat)) for n in (1, 2, 3)]
    await asyncio.gather(*posts)
    await talk.settle()
    for number in (1, 2, 3):
        trace = traces.of(number)
        assert trace.way(trace.named(SEND)) == WAY
        assert trace.named("unit of work").attributes["updates"] == 1


async def test_an_update_that_nobody_traces(talk: Talk, traces: Traces) -> None:
    """It leaves no span in the trace of one that it shares a unit with."""
    traced = post(talk.client, 1, updates.message("Хлеб скажи да", chat=talk.chat))
    headers = {"traceparent": f"00-{trace_id(2)}-{CALLER}-00"}
    settings_before, settings.TRACE_SAMPLING_RATE = settings.TRACE_SAMPLING_RATE, 0
    try:
        untraced = talk.client.post("/", json=updates.message("Хлеб скажи нет"), headers=headers)
        await asyncio.gather(traced, untraced)
    finally:
        settings.TRACE_SAMPLING_RATE = settings_before
    await talk.settle()
    assert {one.context.trace_id for one in traces} == {trace_id(1)}
    assert traces.of(1).way(traces.of(1).named(SEND)) == WAY


async def test_a_deferred_command(talk: Talk, traces: Traces) -> None:
    """It runs after its update, and continues its trace."""
    await deliver_at_once(talk, *(updates.message("Хлеб цитата", chat=updates.group()) for _ in range(2)))
    for number in (1, 2):
        trace = traces.of(number)
        way = ["POST /", "unit of work", "deferred command"]
        assert trace.way(trace.named("command цитата")) == [*way, "command цитата"]
        assert trace.way(trace.named(SEND)) == [*way, "outbox", SEND]


async def test_again_after_a_restart(
    application: FastAPI, database: Connection, bot_api: BotAPI, test_settings: pytest.MonkeyPatch, traces: Traces
) -> None:
    """An answer that one process could not send is sent by the next one, in the trace of its update."""
    test_settings.setattr(lifespan, "FINISH_SECONDS", 0.1)
    broken = bot_api.fail("sendMessage", "server error", times=None)
    update = updates.message("Хлеб скажи эхо")
    async with application.router.lifespan_context(application):
        headers = {"X-Telegram-Bot-Api-Secret-Token": application.state.webhook_secret}
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://bread.example", headers=headers) as client:
            assert (await post(client, 1, update)).status_code == 200
            await bot_api.wait_for(lambda _: broken.happened)
    async with async_session() as session, session.begin():
        await session.execute(text("UPDATE outbox_lane SET resume_at = NULL"))
    broken.release()
    open_pool(transport=bot_api.transport())
    async with application.router.lifespan_context(application):
        await bot_api.wait_for(1)
        await application.state.outbox.flush()
    trace = traces.of(1)
    calls = [one for one in trace if one.name == SEND]
    assert len(calls) >= 2
    assert [trace.way(one) for one in calls] == [WAY] * len(calls)
    first, *_, last = [one for one in trace if one.name == "outbox"]
    assert first.attributes["attempt"] == 1 and last.attributes["attempt"] > 1
    assert last.attributes["waited_seconds"] >= first.attributes["waited_seconds"]


async def test_a_deferred_command_that_is_given_up(talk: Talk, traces: Traces, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said at last continues the trace, too."""
    deferrer: Deferrer = talk.app.state.deferrer

    async def broken(*_: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(deferrer.dispatcher, "answer_deferred", broken)
    await post(talk.client, 1, updates.message("Хлеб цитата", chat=talk.chat))
    while not talk.bot_api.sent:
        await talk.settle()
        await make_due()
        await deferrer.sweep()
    await talk.settle()
    trace = traces.of(1)
    assert trace.way(trace.named(SEND)) == [*WAY[:2], "deferred command given up", *WAY[2:]]


async def test_polled(
    application: FastAPI, database: Connection, bot_api: BotAPI, test_settings: pytest.MonkeyPatch, traces: Traces
) -> None:
    """Without a webhook, the way begins where the update is fetched."""
    test_settings.setattr(settings, "WEBHOOK_URL", None)
    async with application.router.lifespan_context(application):
        bot_api.deliver(*(updates.message("Хлеб скажи эхо", chat=updates.group()) for _ in range(2)))
        await bot_api.wait_for(2)
        await application.state.outbox.flush()
    roots = [one for one in traces if one.name == "polled message"]
    assert len({one.context.trace_id for one in roots}) == 2
    for root in roots:
        trace = traces.of(int(root.context.trace_id, 16))
        assert trace.way(trace.named(SEND)) == ["polled message", *WAY[1:]]


@pytest.mark.parametrize("is_traced", [False, True])
async def test_logs_are_found_by_the_request(
    stumbling: Stumbling, talk: Talk, caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest, is_traced: bool
) -> None:
    """What is logged of an update has the id that its own request was answered with, traced or not."""
    if is_traced:
        request.getfixturevalue("traces")
    lines: dict[int, str] = {}

    class Reader(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "could not be handled" in record.msg:
                line = json.loads(LineFormatter().format(record))
                lines[line["update_id"]] = line["trace_id"]

    reader = Reader()
    logging.getLogger("bread_bot").addHandler(reader)
    posts = [updates.message("споткнись", chat=updates.group()) for _ in range(3)]
    responses = await asyncio.gather(*(talk.client.post("/", json=one) for one in posts))
    logging.getLogger("bread_bot").removeHandler(reader)
    assert {response.status_code for response in responses} == {500}
    told = [response.json()["error_id"] for response in responses]
    assert len(set(told)) == 3
    assert [lines[one["update_id"]] for one in posts] == told


async def test_the_apology_belongs_to_its_update(
    stumbling: Stumbling, talk: Talk, test_settings: pytest.MonkeyPatch, traces: Traces
) -> None:
    """What is said of a bug goes out in the trace of the update that met it."""
    test_settings.setattr(settings, "MAX_ATTEMPTS", 1)
    await talk.say("привет")
    tripping, other = updates.message("Хлеб споткнись", chat=talk.chat), updates.message("да", chat=updates.group())
    await deliver_at_once(talk, tripping, other)
    trace = traces.of(1)
    assert trace.way(trace.named(SEND)) == ["POST /", "outbox", SEND]
    assert "error" in [one for one in trace if one.name == "unit of work"][-1].attributes
