"""GET /metrics: what is counted, who may see it, and that any of several workers tells it for all."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from bread_bot.bot import pace
from bread_bot.main.database import gauges
from bread_bot.main.database.base import async_session, dispose_engines
from bread_bot.main.settings import BASE_DIR, DATABASE_SETTINGS, Connection, settings
from bread_bot.tests.auth.people import as_user, create_admin, create_user
from bread_bot.tests.command_line import database_environment
from bread_bot.tests.figures import Figures
from bread_bot.tests.stumbling import Stumbling
from bread_bot.tests.talk import Talk
from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.fake import TOKEN, BotAPI

METRICS_TOKEN = "what-prometheus-shows"
PROMETHEUS = {"Authorization": f"Bearer {METRICS_TOKEN}"}
Scrape = Callable[[], Awaitable[Figures]]


@pytest.fixture
def scrape(client: httpx.AsyncClient, test_settings: pytest.MonkeyPatch) -> Scrape:
    """Prometheus."""
    test_settings.setattr(settings, "METRICS_TOKEN", SecretStr(METRICS_TOKEN))

    async def ask() -> Figures:
        response = await client.get("/metrics", headers=PROMETHEUS)
        assert response.status_code == 200, response.text
        assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        return Figures(response.text)

    return ask


def counted(now: Figures, earlier: Figures, prefix: str) -> dict[str, float]:
    """What has changed of the figures whose names begin so."""
    return {name: value for name, value in now.since(earlier).items() if name.startswith(prefix)}


async def test_updates_by_kind_and_outcome(
    stumbling: Stumbling, talk: Talk, scrape: Scrape, test_settings: pytest.MonkeyPatch
) -> None:
    """Each is counted once, and how long it took."""
    test_settings.setattr(settings, "MAX_ATTEMPTS", 2)
    before = await scrape()
    await talk.say("привет")
    await talk.post(talk.last)
    await talk.post(updates.edited(talk.last, "привет!"))
    await talk.post(updates.channel_post("новости"))
    await talk.post(updates.automatic_forward("новости"))
    broken = updates.message("споткнись", chat=talk.chat)
    assert [(await talk.client.post("/", json=broken)).status_code for _ in range(3)] == [500, 200, 200]
    now = await scrape()
    assert counted(now, before, "bread_bot_updates_total") == {
        'bread_bot_updates_total{kind="message",outcome="handled"}': 1,
        'bread_bot_updates_total{kind="message",outcome="duplicate"}': 2,
        'bread_bot_updates_total{kind="edited_message",outcome="handled"}': 1,
        'bread_bot_updates_total{kind="other",outcome="ignored"}': 1,
        'bread_bot_updates_total{kind="message",outcome="ignored"}': 1,
        'bread_bot_updates_total{kind="message",outcome="failed"}': 1,
        'bread_bot_updates_total{kind="message",outcome="set_aside"}': 1,
    }
    seconds = counted(now, before, "bread_bot_update_handling_seconds")
    assert seconds["bread_bot_update_handling_seconds_count"] == 6
    assert seconds['bread_bot_update_handling_seconds_bucket{le="10.0"}'] == 6
    assert 0 < seconds["bread_bot_update_handling_seconds_sum"] < 60
    assert now("bread_bot_updates_set_aside") == 1


async def test_an_admin_handles_what_was_set_aside(
    stumbling: Stumbling, talk: Talk, scrape: Scrape, test_settings: pytest.MonkeyPatch
) -> None:
    """Then it waits no longer."""
    test_settings.setattr(settings, "MAX_ATTEMPTS", 1)
    await talk.say("споткнись")
    assert (await scrape())("bread_bot_updates_set_aside") == 1
    stumbling.is_on = False
    headers = as_user(await create_admin())
    (failed,) = (await talk.client.get("/failed_updates", headers=headers)).json()["items"]
    assert (await talk.client.put(f"/failed_updates/{failed['id']}/retry", headers=headers)).status_code == 204
    assert (await scrape())("bread_bot_updates_set_aside") == 0


@pytest.mark.parametrize(
    ("how", "result", "retries", "dead"),
    [
        ("too many requests", "too_many_requests", 1, 0),
        ("bad gateway", "unavailable", 1, 0),
        ("server error", "unavailable", 1, 0),
        ("not json", "unavailable", 1, 0),
        ("reset connection", "network", 1, 0),
        ("too long", "refused", 0, 1),
        ("blocked", "refused", 0, 0),
    ],
)
async def test_sending(
    talk: Talk, scrape: Scrape, monkeypatch: pytest.MonkeyPatch, how: str, result: str, retries: int, dead: int
) -> None:
    """Every call is counted by its result, and every answer that is tried again."""
    await talk.say("привет")
    before = await scrape()
    monkeypatch.setattr(pace, "now", lambda: time.time() + 3600)  # whatever must be waited for is over
    talk.bot_api.fail("sendMessage", how, times=1)
    await talk.say("Хлеб скажи эхо")
    now = await scrape()
    calls = 'bread_bot_api_calls_total{{method="sendMessage",result="{}"}}'
    assert counted(now, before, "bread_bot_api") == {calls.format(result): 1} | (
        {calls.format("ok"): 1} if retries else {}
    )
    assert now("bread_bot_outbox_retries_total") - before("bread_bot_outbox_retries_total") == retries
    assert now("bread_bot_outbox_dead_messages") == dead
    assert now("bread_bot_outbox_waiting_messages") == 0


async def test_what_waits(talk: Talk, scrape: Scrape) -> None:
    """The outbox's depth, its oldest answer, commands put off, and processes: what the database tells."""
    empty = await scrape()
    for name in ("outbox_waiting_messages", "outbox_oldest_age_seconds", "outbox_dead_messages", "deferred_commands"):
        assert (f"bread_bot_{name}", frozenset()) in empty.samples and empty(f"bread_bot_{name}") == 0
    assert (empty("bread_bot_processes"), empty("bread_bot_database_up")) == (1, 1)
    hanging = talk.bot_api.fail("sendMessage", "hang", times=None)
    for chat in (talk.chat, updates.group()):
        for said in ("раз", "два"):
            await talk.client.post("/", json=updates.message(f"Хлеб скажи {said}", chat=chat))
    async with async_session() as session, session.begin():
        aging = "UPDATE outbox SET created_at = now() - interval '1 hour' WHERE id = (SELECT min(id) FROM outbox)"
        await session.execute(text(aging))
        await session.execute(
            text("INSERT INTO deferred (chat_id, update_id, body, resume_at) VALUES (:chat, 1, '{}', now() + '1 day')"),
            {"chat": talk.chat.id},
        )
    waiting = await scrape()
    assert waiting("bread_bot_outbox_waiting_messages") == 4
    assert 3600 <= waiting("bread_bot_outbox_oldest_age_seconds") < 3700
    assert waiting("bread_bot_deferred_commands") == 1
    hanging.release()
    await talk.settle()
    done = await scrape()
    assert done("bread_bot_outbox_waiting_messages") == done("bread_bot_outbox_oldest_age_seconds") == 0


@pytest.fixture
def small_pool(test_settings: pytest.MonkeyPatch) -> None:
    """Few connections, from the start."""
    test_settings.setattr(settings, "DB_MAX_POOL", 3)


async def test_the_pool(small_pool: None, talk: Talk, scrape: Scrape) -> None:
    """Its size, what is in use and idle, and who waits."""
    async with async_session() as one, async_session() as two, async_session() as three:
        for session in (one, two, three):
            await session.execute(text("SELECT 1"))
        waiting = asyncio.create_task(talk.client.post("/", json=updates.message("привет")))
        while (figures := Figures())("bread_bot_database_pool_waiting") < 1:
            await asyncio.sleep(0)
        assert figures("bread_bot_database_pool_size") == 3
        assert figures("bread_bot_database_pool_connections", state="in_use") == 3
        assert figures("bread_bot_database_pool_connections", state="idle") == 0
    await waiting
    await talk.settle()
    idle = Figures()
    assert idle("bread_bot_database_pool_waiting") == 0
    assert idle("bread_bot_database_pool_connections", state="in_use") == 0
    assert idle("bread_bot_database_pool_connections", state="idle") == 3
    assert (await scrape())("bread_bot_database_pool_connections", state="in_use") == 0


async def test_sources(trusted: None, talk: Talk, scrape: Scrape) -> None:
    """Services that are down are counted, and left alone after a while."""
    before = await scrape()
    for _ in range(3):
        assert await talk.say("Хлеб цитата")
    now = await scrape()
    assert counted(now, before, "bread_bot_source_requests") == {
        'bread_bot_source_requests_total{result="failed",source="quotes"}': 3
    }
    assert now("bread_bot_source_resting", source="quotes") == 1


async def test_what_is_running(scrape: Scrape) -> None:
    """The build."""
    python = ".".join(map(str, sys.version_info[:3]))
    assert (await scrape())("bread_bot_build_info", version=settings.VERSION, python=python) == 1


async def test_it_is_spelled_as_prometheus_asks(talk: Talk, scrape: Scrape) -> None:
    """promtool's rules: units, suffixes, help; zeros from the start; as many figures however many chats there are."""
    await talk.say("Хлеб скажи эхо")
    figures = await scrape()
    for family in figures.families:
        assert re.fullmatch(r"bread_bot_[a-z]+(_[a-z]+)*", family.name)
        assert family.documentation.endswith("."), family.name
        assert (family.type == "counter") == any(one.name.endswith("_total") for one in family.samples)
        assert not re.search(r"_(counter|gauge|histogram|milliseconds|minutes|ms|count|sum|bucket)$", family.name)
        assert family.type != "histogram" or family.name.endswith("_seconds")
        assert all(one.value >= 0 for one in family.samples)
        assert not {"le", "quantile"} & {key for one in family.samples for key in one.labels} or (
            family.type == "histogram"
        )
    names = {family.name for family in figures.families}
    assert "# HELP bread_bot_updates_total " in figures.text and "_created" not in figures.text
    assert ("bread_bot_updates_total", frozenset({("kind", "message"), ("outcome", "unavailable")})) in figures.samples
    for _ in range(5):
        await talk.say("Хлеб скажи эхо", chat=updates.group())
    later = await scrape()
    assert later.samples.keys() == figures.samples.keys() and len(later.samples) < 150
    assert {family.name for family in later.families} == names
    told = figures.text + later.text
    assert str(abs(talk.chat.id)) not in told and TOKEN not in told and METRICS_TOKEN not in told and "эхо" not in told


async def test_who_may_see_them(client: httpx.AsyncClient, test_settings: pytest.MonkeyPatch) -> None:
    """Whoever shows METRICS_TOKEN, and admins; without METRICS_TOKEN only these."""
    admin, user = as_user(await create_admin()), as_user(await create_user("guest"))
    strangers = [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic d3Jvbmc="},
    ]
    for own in (None, SecretStr(METRICS_TOKEN)):
        test_settings.setattr(settings, "METRICS_TOKEN", own)
        for headers in strangers + ([PROMETHEUS] if own is None else []):
            response = await client.get("/metrics", headers=headers)
            assert (response.status_code, response.json()["code"]) == (401, "unauthorized")
            assert response.headers["www-authenticate"] == "Bearer"
            assert "bread_bot_" not in response.text
        assert (await client.get("/metrics", headers=user)).status_code == 403
        assert (await client.get("/metrics", headers=admin)).status_code == 200
    odd = httpx.Headers({b"Authorization": "Bearer ключ".encode()})
    assert (await client.get("/metrics", headers=odd)).status_code == 401
    assert (await client.get("/metrics", headers=PROMETHEUS)).status_code == 200


@pytest.fixture
async def impatient(talk: Talk, test_settings: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Short limits; the connections have just been lost."""
    await talk.say("привет")
    for name in ("DB_CONNECT_TIMEOUT", "DB_POOL_TIMEOUT", "DB_STATEMENT_TIMEOUT"):
        test_settings.setattr(settings, name, 30)
    test_settings.setattr(gauges, "LONGEST_SECONDS", 0.3)
    await dispose_engines()
    yield
    await dispose_engines()


# the presence may be connecting in the very moment when its engine is taken away
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("hangs", [False, True])
async def test_without_the_database(
    impatient: None, talk: Talk, scrape: Scrape, database: Connection, test_settings: pytest.MonkeyPatch, hangs: bool
) -> None:
    """The rest is told, soon; and afterwards all of it again."""
    held: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1] if hangs else 1
    before = await scrape()
    await dispose_engines()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(DATABASE_SETTINGS, "default", Connection(**{**database, "host": "127.0.0.1", "port": port}))
        began = time.monotonic()
        figures = await scrape()
        assert time.monotonic() - began < 3
        assert ("bread_bot_database_up", frozenset()) in figures.samples and figures("bread_bot_database_up") == 0
        assert "bread_bot_processes" not in figures.text, "unknown is not zero"
        handled = {"kind": "message", "outcome": "handled"}
        assert figures("bread_bot_updates_total", **handled) == before("bread_bot_updates_total", **handled) > 0
        if not hangs:
            refused = await talk.client.post("/", json=updates.message("привет"))
            assert refused.status_code == 503
            change = counted(await scrape(), figures, "bread_bot_updates_total")
            assert change == {'bread_bot_updates_total{kind="message",outcome="unavailable"}': 1}
        await dispose_engines()
    for writer in held:
        writer.close()
    server.close()
    assert (await scrape())("bread_bot_database_up") == 1


class Server:
    """A server of two workers, as another process; it ends with the test."""

    def __init__(self, port: int, process: "subprocess.Popen[bytes]") -> None:
        self.address = f"http://127.0.0.1:{port}"
        self._process = process

    @property
    def workers(self) -> list[int]:
        """The ids of the processes that serve."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        return [one for one in map(int, children.split()) if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]

    def scrape(self) -> Figures | None:
        """Ask whichever worker answers; None where none does."""
        try:
            response = httpx.get(f"{self.address}/metrics", headers=PROMETHEUS)
        except httpx.TransportError:
            return None
        assert response.status_code == 200, response.text
        return Figures(response.text)

    def scrape_each(self) -> list[Figures]:
        """Ask each worker, while the other one is stopped."""
        found = []
        one, two = self.workers
        for stopped in (one, two):
            os.kill(stopped, signal.SIGSTOP)
            try:
                figures = self.scrape()
            finally:
                os.kill(stopped, signal.SIGCONT)
            assert figures is not None
            found.append(figures)
        return found

    def wait_for(self, condition: Callable[[Figures], bool]) -> Figures:
        """Scrape until something is told."""
        deadline = time.monotonic() + 60
        while (figures := self.scrape()) is None or not condition(figures):
            assert self._process.poll() is None and time.monotonic() < deadline, figures and figures.text
        return figures


@pytest.fixture(
    params=[
        ["server.py"],
        ["-m", "uvicorn", "bread_bot.main.webserver:app", "--workers", "2", "--log-level", "error"],
    ],
    ids=["server.py", "uvicorn"],
)
def server(request: pytest.FixtureRequest, database: Connection, bot_api: BotAPI, tmp_path: Path) -> Iterator[Server]:
    """It has its own directory for temporary files, which it leaves empty."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [sys.executable, *request.param]
    if "uvicorn" in command:
        command += ["--port", str(port)]
    with bot_api.serve() as telegram:
        environment = os.environ | {
            "METRICS_TOKEN": METRICS_TOKEN,
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "TELEGRAM_API_URL": telegram,
            "WEBHOOK_URL": "https://bread.example/",
            "WEBHOOK_SECRET": "secret",
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "WORKERS_COUNT": "2",
            "DB_MAX_POOL": "10",
            **database_environment(),
            "LOG_LEVEL": "ERROR",
            "TMPDIR": str(tmp_path),
            "COVERAGE_PROCESS_START": "",
        }
        with subprocess.Popen(command, cwd=BASE_DIR, env=environment) as process:
            try:
                yield Server(port, process)
            finally:
                process.terminate()
    if "uvicorn" not in command:
        assert not list(tmp_path.glob("bread_bot-metrics-*"))


@pytest.mark.slow
async def test_each_of_two_workers_tells_all(server: Server, bot_api: BotAPI) -> None:
    """Whichever is asked; what a worker has counted stays when it is killed, what it held does not."""
    ready = await asyncio.to_thread(server.wait_for, lambda figures: figures("bread_bot_processes") == 2)
    assert ready("bread_bot_database_pool_size") == 10
    posts = [updates.message(f"Хлеб скажи {number}", chat=updates.group()) for number in range(40)]
    for post in posts:
        bot_api.note(post)
    for post in [*posts, *posts[:10]]:  # each by a connection of its own, so that both workers get some
        async with httpx.AsyncClient(headers={"X-Telegram-Bot-Api-Secret-Token": "secret"}) as client:
            assert (await client.post(server.address, json=post)).status_code == 200
    await bot_api.wait_for(40, timeout=30)
    await asyncio.to_thread(server.wait_for, lambda figures: figures("bread_bot_outbox_waiting_messages") == 0)
    one, two = await asyncio.to_thread(server.scrape_each)
    for figures in (one, two):
        assert figures("bread_bot_updates_total", kind="message", outcome="handled") == 40
        assert figures("bread_bot_updates_total", kind="message", outcome="duplicate") == 10
        assert figures("bread_bot_update_handling_seconds_count") == 50
        assert figures("bread_bot_api_calls_total", method="sendMessage", result="ok") == 40
        assert figures("bread_bot_database_pool_size") == 10
        assert figures("bread_bot_processes") == 2
        assert figures("bread_bot_database_up") == 1
    moving = ("bread_bot_database_pool_connections", "bread_bot_database_pool_waiting")
    assert not [name for name in one.since(two) if not name.startswith(moving)]
    assert one.samples.keys() == two.samples.keys()
    victim = server.workers[0]
    os.kill(victim, signal.SIGKILL)
    await asyncio.to_thread(server.wait_for, lambda _: len(set(server.workers) - {victim}) == 2)
    after = await asyncio.to_thread(server.wait_for, lambda figures: figures("bread_bot_database_pool_size") == 10)
    assert after("bread_bot_updates_total", kind="message", outcome="handled") == 40
