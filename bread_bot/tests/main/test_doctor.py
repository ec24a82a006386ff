"""python -m bread_bot doctor: each thing that may be wrong is told, with what to do."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import func, text

from bread_bot.bot.models import Chat, Deferred, FailedUpdate, OutboxMessage
from bread_bot.bot.telegram import ALLOWED_UPDATES
from bread_bot.main.commands.doctor.configuration import check_settings
from bread_bot.main.commands.doctor.findings import Finding, Level
from bread_bot.main.commands.doctor.telegram import TelegramCheckup
from bread_bot.main.database.base import async_session
from bread_bot.main.settings import Connection, settings
from bread_bot.tests.command_line import Done, bread_bot
from bread_bot.tests.conftest import DatabaseServer
from bread_bot.tests.talk import Talk
from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.fake import TOKEN, BotAPI
from bread_bot.tests.utils.endpoint import Answered, Endpoint

KEY = "k" * 40
URL = "https://bread.example/"
NOBODY = "http://127.0.0.1:1"
NO_DATABASE = {"DB_HOST": "127.0.0.1", "DB_PORT": "1"}
Check = Callable[[], Awaitable[dict[Level, Finding]]]
READING = {"getMe", "getWebhookInfo", "getChatMember"}


class Doctor:
    """Examines a bot in production, whose Telegram is the test's."""

    def __init__(self, bot_api: BotAPI, address: str) -> None:
        self.bot_api = bot_api
        self.environment = {
            "ENV": "PRODUCTION",
            "SECRET_KEY": KEY,
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "TELEGRAM_API_URL": address,
            "WEBHOOK_URL": URL,
        }
        self.done = Done(0, "", "")

    async def examine(self, *arguments: str, status: int, **environment: str) -> None:
        """Run the command; it only reads at Telegram."""
        before = len(self.bot_api.calls)
        self.done = await bread_bot("doctor", "--json", *arguments, **self.environment | environment)
        assert (self.done.status, self.done.complaint) == (status, ""), self.done
        assert self.done.json["ok"] is (status == 0)
        assert {call.method for call in self.bot_api.calls[before:]} <= READING

    def tells(self, level: str, topic: str, *parts: str) -> None:
        """One of its findings is this, with an advice if something is wrong."""
        findings = [one for one in self.done.json["findings"] if (one["level"], one["topic"]) == (level, topic)]
        told = [one for one in findings if all(part in one["text"] + one["advice"] for part in parts)]
        assert len(told) == 1, self.done.output
        assert bool(told[0]["advice"]) is (level in ("warn", "fail"))

    def levels(self, topic: str) -> set[str]:
        """How bad its findings about a topic are."""
        return {one["level"] for one in self.done.json["findings"] if one["topic"] == topic}


@pytest.fixture
async def doctor(database: Connection, bot_api: BotAPI) -> AsyncIterator[Doctor]:
    """The doctor, and a webhook that is set as it should be."""
    with bot_api.serve() as address:
        doctor = Doctor(bot_api, address)
        setting = {"url": URL, "allowed_updates": list(ALLOWED_UPDATES), "max_connections": 40}
        bot_api.world.perform("setWebhook", setting)
        yield doctor


async def test_all_is_well(talk: Talk, doctor: Doctor) -> None:
    """No warning, for people and for machines; the bot's work is not disturbed."""
    await talk.say("привет")
    await doctor.examine(status=0)
    assert {one["level"] for one in doctor.done.json["findings"]} == {"ok"}
    doctor.tells("ok", "server", "live processes: 1")
    doctor.tells("ok", "groups", "1 of 1")
    done = await bread_bot("doctor", **doctor.environment)
    assert (done.status, done.complaint) == (0, "")
    lines = done.output.splitlines()
    assert all(line.startswith("OK   ") for line in lines[:-1]) and lines[-1] == f"{len(lines) - 1} OK"
    assert await talk.say("Хлеб скажи эхо") == "эхо"


async def test_wrong_settings(doctor: Doctor) -> None:
    """Values are refused before anything is looked at."""
    done = await bread_bot("doctor", **doctor.environment, WORKERS_COUNT="abc")
    assert done.status == 2 and "WORKERS_COUNT" in done.complaint


async def test_names_and_keys_of_settings(doctor: Doctor) -> None:
    """A misspelt name, an app that is not there, and the key that everybody knows."""
    wrong = {"WEBHOOKS_URL": "x", "ENV": "LOCAL", "SECRET_KEY": "", "APP_MODULES": "bread_bot.bott"}
    await doctor.examine(status=1, **wrong)
    doctor.tells("warn", "settings", "WEBHOOKS_URL", "Did you mean WEBHOOK_URL?")
    doctor.tells("fail", "settings", "SECRET_KEY", "public")
    doctor.tells("fail", "apps", "bread_bot.bott")
    await doctor.examine(status=1, ENV="LOCAL", SECRET_KEY="", WEBHOOK_URL="")
    doctor.tells("warn", "settings", "SECRET_KEY", "8080")


async def test_names_in_env_file(tmp_path: Path) -> None:
    """Misspelt ones, and those of nobody; their values are not told."""
    env_file = tmp_path / ".env"
    env_file.write_text("BOT_NAME=Хлеб\nTELEGRAM_TOKEN=geheim\nSOMETHING_ELSE=geheim\nADMIN_PASSWORD=geheim\n", "utf-8")
    told = [str(one) async for one in check_settings(env_file) if one.level == "warn"]
    assert not [line for line in told if "geheim" in line or "ADMIN_PASSWORD" in line]
    assert any("SOMETHING_ELSE" in line and "Remove it" in line for line in told)
    assert any("TELEGRAM_TOKEN" in line and "TELEGRAM_BOT_TOKEN?" in line for line in told)


@pytest.mark.parametrize(
    ("environment", "parts"),
    [
        (NO_DATABASE, ("127.0.0.1:1", "DB_HOST")),
        ({"DB_USER": "nobody"}, ("nobody", "Correct DB_USER")),
        ({"DB_NAME": "nowhere"}, ("nowhere", "DB_NAME")),
    ],
)
async def test_no_database(doctor: Doctor, environment: dict[str, str], parts: tuple[str, ...]) -> None:
    """What needs it is skipped, Telegram is not."""
    await doctor.examine(status=1, **environment)
    doctor.tells("fail", "database", *parts)
    for topic in ("schema", "connections", "server", "outbox", "groups"):
        assert doctor.levels(topic) == {"skip"}
    assert doctor.levels("webhook") == {"ok"}


async def test_no_tables(empty_database: object, bot_api: BotAPI) -> None:
    """They are to be migrated."""
    with bot_api.serve() as address:
        doctor = Doctor(bot_api, address)
        await doctor.examine(status=1)
    doctor.tells("fail", "schema", "alembic upgrade head")
    doctor.tells("fail", "webhook", "none is set", "webhook set")
    assert doctor.levels("database") == doctor.levels("token") == {"ok"}


async def test_too_few_connections(doctor: Doctor, database: Connection, database_server: DatabaseServer) -> None:
    """What PostgreSQL never allows fails; what others take away is a warning."""
    limit = 'ALTER DATABASE "{}" CONNECTION LIMIT {}'
    database_server.execute(limit.format(database["database"], 20))
    there = database_server.connection
    with psycopg.connect(
        host=there["host"],
        port=there["port"],
        user=database_server.administrator,
        password=there["password"],
        dbname=there["database"],
    ):
        await doctor.examine(status=0)
        doctor.tells("warn", "connections", "20", "others hold", "DB_MAX_POOL")
    database_server.execute(limit.format(database["database"], 19))
    await doctor.examine(status=1)
    doctor.tells("fail", "connections", "19", "DB_MAX_POOL")
    await doctor.examine(status=0, WORKERS_COUNT="4", DB_MAX_POOL="12")
    doctor.tells("ok", "connections", "12 wanted (processes: 4, 3 each)")


async def test_pgbouncer(through_pgbouncer: Connection, bot_api: BotAPI) -> None:
    """It counts its clients itself; a bot that does not know of it is told so."""
    with bot_api.serve() as address:
        doctor = Doctor(bot_api, address)
        await doctor.examine(status=1, DB_PGBOUNCER="true")
        doctor.tells("ok", "database", "through PgBouncer")
        doctor.tells("ok", "connections", "max_client_conn")
        await doctor.examine(status=1)
        doctor.tells("fail", "database", "DB_PGBOUNCER=true")


@pytest.mark.parametrize(("ahead", "level"), [("10 seconds", "warn"), ("2 hours", "fail")])
async def test_clock_of_the_database(doctor: Doctor, database: Connection, ahead: str, level: str) -> None:
    """PostgreSQL on another machine, whose clock is wrong."""
    async with async_session() as session, session.begin():
        for statement in (
            "CREATE SCHEMA shifted",
            "CREATE FUNCTION shifted.clock_timestamp() RETURNS timestamptz LANGUAGE sql "
            f"RETURN pg_catalog.clock_timestamp() + interval '{ahead}'",
            f'ALTER DATABASE "{database["database"]}" SET search_path = shifted, public, pg_catalog',
        ):
            await session.execute(text(statement))
    await doctor.examine(status=int(level == "fail"))
    doctor.tells(level, "clock", "PostgreSQL", "ahead of", "NTP")


@pytest.mark.parametrize(("ahead", "level"), [(-20, "warn"), (500, "fail")])
async def test_clock_of_telegram(doctor: Doctor, ahead: float, level: str) -> None:
    """This machine's clock is wrong."""
    doctor.bot_api.clock_offset = ahead
    await doctor.examine(status=int(level == "fail"))
    doctor.tells(level, "clock", "Telegram", "NTP")


@pytest.mark.parametrize(("minutes", "level"), [(0, "ok"), (5, "warn"), (90, "fail")])
async def test_delivery(doctor: Doctor, minutes: int, level: str) -> None:
    """What waits, since when, what Telegram refused, and what a bug has set aside; no server works on it."""
    since = func.now() - timedelta(minutes=minutes)
    async with async_session() as session, session.begin():
        await Chat.async_create(session, id=5, type="private")
        message = {"chat_id": 5, "method": "sendMessage", "payload": {}}
        await OutboxMessage.async_create(session, **message, created_at=since)
        await OutboxMessage.async_create(session, **message, state="dead", error="refused")
        session.add(Deferred(chat_id=5, update_id=1, body={}, created_at=since))
        await FailedUpdate.async_create(session, bot_id=1, update_id=1, body={}, set_aside_at=func.now())
    await doctor.examine(status=int(level == "fail"))
    doctor.tells("warn", "server", "python server.py")
    doctor.tells(level, "outbox", "waiting answers: 1")
    doctor.tells(level, "slow commands", "waiting: 1")
    doctor.tells("warn", "outbox", "refused: 1", "/admin")
    doctor.tells("warn", "updates", "set aside because of a bug: 1", "/admin")


@pytest.mark.parametrize(
    ("environment", "level", "parts"),
    [
        ({"TELEGRAM_BOT_TOKEN": "", "WEBHOOK_URL": ""}, "warn", ("TELEGRAM_BOT_TOKEN is not set", "@BotFather")),
        ({"TELEGRAM_BOT_TOKEN": "1:wrong"}, "fail", ("does not know it", "@BotFather")),
        ({"TELEGRAM_API_URL": NOBODY}, "fail", ("ConnectError", "TELEGRAM_API_URL")),
        (NO_DATABASE | {"TELEGRAM_API_URL": NOBODY}, "fail", ("ConnectError",)),
    ],
)
async def test_no_telegram(doctor: Doctor, environment: dict[str, str], level: str, parts: tuple[str, ...]) -> None:
    """What needs it is skipped, the database is not; both missing are told at once."""
    await doctor.examine(status=int(level == "fail"), **environment)
    doctor.tells(level, "token", *parts)
    for topic in ("privacy", "webhook", "groups"):
        assert doctor.levels(topic) == {"skip"}
    assert doctor.levels("database") == ({"fail"} if "DB_HOST" in environment else {"ok"})


async def test_telegram_fails_in_between(doctor: Doctor) -> None:
    """The check says so, and the next ones are made."""
    doctor.bot_api.fail("getWebhookInfo", "server error")
    await doctor.examine(status=1)
    doctor.tells("fail", "webhook", "Telegram: ")
    doctor.tells("ok", "groups")


async def test_what_the_bot_may_hear(doctor: Doctor) -> None:
    """Privacy mode, and that nobody can add it to a group."""
    doctor.bot_api.me.update(can_read_all_group_messages=False, can_join_groups=False)
    await doctor.examine(status=0)
    doctor.tells("warn", "privacy", "/setprivacy")
    doctor.tells("warn", "privacy", "/setjoingroups")


async def test_webhook_elsewhere(doctor: Doctor) -> None:
    """Of another program perhaps; with other terms; what waits is told."""
    webhook = doctor.bot_api.world.webhook
    webhook.update(url="https://baker:geheim@other.example/?key=geheim", max_connections=1)
    doctor.bot_api.world.allowed_updates = ["message", "edited_message"]
    doctor.bot_api.deliver(*(updates.message("привет") for _ in range(100)))
    await doctor.examine(status=1)
    doctor.tells("fail", "webhook", "https://other.example/", "https://bread.example/", "webhook set")
    doctor.tells("fail", "webhook", "does not get callback_query, chat_member, my_chat_member")
    doctor.tells("warn", "webhook", "max_connections is 1, not 40")
    doctor.tells("warn", "webhook", "waiting at Telegram: 100")
    assert "geheim" not in doctor.done.output
    doctor.bot_api.world.allowed_updates = [*ALLOWED_UPDATES, "poll"]
    await doctor.examine(status=1, WEBHOOK_URL="")
    doctor.tells("fail", "webhook", "polling gets nothing", "webhook delete")
    webhook["url"] = URL
    await doctor.examine(status=0)
    doctor.tells("warn", "webhook", "the bot gets poll")
    webhook.clear()
    await doctor.examine(status=0, WEBHOOK_URL="")
    doctor.tells("ok", "webhook", "polls")


@pytest.fixture
async def check_webhook(bot_api: BotAPI, test_settings: pytest.MonkeyPatch) -> Check:
    """The doctor's look at the webhook, in this process: what is wrong, by its level."""

    async def check() -> dict[Level, Finding]:
        checkup = TelegramCheckup(settings.TELEGRAM_BOT_TOKEN)
        return {one.level: one async for one in checkup.check_webhook() if one.level is not Level.OK}

    return check


@pytest.mark.parametrize("address", ["http://bread.example/", "https://bread.example:8080/"])
async def test_address_that_telegram_does_not_call(
    check_webhook: Check, test_settings: pytest.MonkeyPatch, address: str
) -> None:
    """Only https, and only some ports."""
    test_settings.setattr(settings, "WEBHOOK_URL", address)
    assert "8443" in (await check_webhook())[Level.FAIL].advice


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        ("Wrong response from the webhook: 403 Forbidden", "secret"),
        ("Wrong response from the webhook: 404 Not Found", "server's /"),
        ("Wrong response from the webhook: 502 Bad Gateway", "running"),
        ("Connection refused", "Nobody listens"),
        ("Connection timed out", "firewall"),
        ("SSL error {error:0A000086:SSL routines::certificate verify failed}", "certificate"),
        ("Failed to resolve host: Name or service not known", "DNS"),
        ("Something new", "log"),
    ],
)
async def test_reason_of_a_failed_delivery(check_webhook: Check, bot_api: BotAPI, message: str, advice: str) -> None:
    """It says what to do."""
    bot_api.world.perform("setWebhook", {"url": URL, "allowed_updates": list(ALLOWED_UPDATES)})
    bot_api.world.webhook_error = int(time.time()), message
    (told,) = (await check_webhook()).values()
    assert message in told.text and advice in told.advice


async def test_failed_delivery(doctor: Doctor) -> None:
    """It fails while updates wait, is a warning for an hour, and then only told."""
    world, message = doctor.bot_api.world, "Connection refused"
    world.webhook_error = int(time.time()) - 300, message
    await doctor.examine(status=0)
    doctor.tells("warn", "webhook", message, "5 minutes ago")
    doctor.bot_api.deliver(updates.message("привет"))
    await doctor.examine(status=1)
    doctor.tells("fail", "webhook", message)
    world.webhook_error = int(time.time()) - 7200, message
    await doctor.examine(status=0)
    doctor.tells("ok", "webhook", message, "2 hours ago")


async def test_groups(doctor: Doctor) -> None:
    """In each of them the bot's rights are asked for; each one with trouble is named."""
    world, me = doctor.bot_api.world, doctor.bot_api.me
    async with async_session() as session, session.begin():
        for number, title in enumerate(("fine", "admin", "muted", "textual", "kicked", "closed", "moved"), 1):
            await Chat.async_create(session, id=-number, type="group", title=title)
        await Chat.async_create(session, id=-9, type="group", title="left", left_at=func.now())
        await Chat.async_create(session, id=7, type="private", title="private")
    world.set_member(-2, me, "administrator")
    world.set_member(-3, me, "restricted", is_member=True, can_send_messages=False)
    world.set_member(
        -4, me, "restricted", is_member=True, can_send_messages=True, can_send_photos=False, can_send_voice_notes=False
    )
    world.set_member(-5, me, "kicked")
    world.closed[-6] = "Forbidden: bot was kicked from the group chat"
    world.migrated[-7] = -1007
    await doctor.examine(status=0)
    doctor.tells("warn", "groups", "-3 «muted»", "may not write")
    doctor.tells("warn", "groups", "-4 «textual»", "photos", "voice notes")
    doctor.tells("warn", "groups", "-5 «kicked»", "purge chat")
    doctor.tells("warn", "groups", "-6 «closed»", "purge chat")
    doctor.tells("warn", "groups", "-7 «moved»", "-1007")
    doctor.tells("ok", "groups", "2 of 7")
    assert {call.chat_id for call in doctor.bot_api.calls_of("getChatMember")} == {-number for number in range(1, 8)}


async def test_few_groups(doctor: Doctor) -> None:
    """No more than asked for; Telegram's wish to wait is obeyed."""
    async with async_session() as session, session.begin():
        for number in range(1, 6):
            await Chat.async_create(session, id=-number, type="group", title="x")
    await doctor.examine("--groups", "3", status=0)
    assert len(doctor.bot_api.calls_of("getChatMember")) == 3
    doctor.bot_api.world.closed |= {-1: "Forbidden: bot was kicked from the group chat"}
    doctor.bot_api.fail(
        "getChatMember", retry_after=33, when=lambda _: len(doctor.bot_api.calls_of("getChatMember")) == 6
    )
    await doctor.examine(status=0)
    doctor.tells("warn", "groups", "33 seconds", "3 are not looked at")


async def test_exporters(doctor: Doctor) -> None:
    """Nowhere to send traces to, endpoints that answer, one that does not, and one at another path."""
    await doctor.examine(status=0, ENABLE_TELEMETRY="true")
    doctor.tells("warn", "traces", "sent nowhere", "ZIPKIN_URL")
    endpoint = Endpoint()
    endpoint.start()
    endpoint.answer = lambda request: Answered(202 if "spans" in request.path else 400)
    azure = f"InstrumentationKey=0fe1b2d3-aaaa-bbbb-cccc-123456789abc;IngestionEndpoint={endpoint.url}"
    tracing = {"ENABLE_TELEMETRY": "true", "APPLICATIONINSIGHTS_CONNECTION_STRING": azure}
    await doctor.examine(status=0, **tracing, ZIPKIN_URL=f"{endpoint.url}/spans")
    doctor.tells("ok", "traces", "Zipkin")
    doctor.tells("ok", "traces", "Azure")
    assert {request.body for request in endpoint.arrived} == {b"[]"}
    endpoint.answer = lambda _: Answered(404)
    await doctor.examine(status=0, **tracing, ZIPKIN_URL="http://baker:geheim@127.0.0.1:1/spans")
    endpoint.stop()
    doctor.tells("warn", "traces", "Zipkin", "http://127.0.0.1:1/spans", "ConnectError")
    doctor.tells("warn", "traces", "Azure", "HTTP 404")
    assert "geheim" not in doctor.done.output


async def test_no_secret_is_shown(doctor: Doctor) -> None:
    """Neither when all is well nor when all fails, whatever Telegram repeats."""
    azure = "0fe1b2d3-aaaa-bbbb-cccc-123456789abc"
    secrets = {
        "SECRET_KEY": "geheim-" * 6,
        "DB_PASSWORD": "geheim-password",
        "WEBHOOK_SECRET": "geheim-webhook",
        "METRICS_TOKEN": "geheim-metrics-token",
        "ZIPKIN_URL": "http://geheim:geheim@127.0.0.1:1/?geheim",
        "WEBHOOK_URL": "https://geheim:geheim@bread.example/?geheim",
        "APPLICATIONINSIGHTS_CONNECTION_STRING": f"InstrumentationKey={azure};IngestionEndpoint={NOBODY}",
    }
    doctor.bot_api.fail("getWebhookInfo", status=400, description=f"Bad Request: {TOKEN} {secrets['WEBHOOK_SECRET']}")
    await doctor.examine(status=1, ENABLE_TELEMETRY="true", **secrets)
    assert "geheim" not in doctor.done.output and azure not in doctor.done.output
    await doctor.examine(status=1, ENABLE_TELEMETRY="true", **secrets, **NO_DATABASE)
    assert "geheim" not in doctor.done.output and azure not in doctor.done.output
