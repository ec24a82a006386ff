"""PostgreSQL, and what it tells of the running bot."""

from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from bread_bot.bot.presence import ALIVE
from bread_bot.main.commands.doctor.findings import Check, Finding, fail, ok, reason, warn
from bread_bot.main.database.base import EMBEDDED, async_session, is_unavailable
from bread_bot.main.database.embedded import EmbeddedDatabaseError
from bread_bot.main.database.migrations import is_at_head
from bread_bot.main.settings import DATABASE_SETTINGS, settings

_LATE_SECONDS, _TOO_LATE_SECONDS = 60, 3600
_UNEVEN_SECONDS, _WRONG_SECONDS = 5, 60

_ROOM = text("""
    SELECT LEAST(
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
            - coalesce(current_setting('reserved_connections', true)::int, 0),
        (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user),
        (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database())
    ) AS room, (
        SELECT count(*) FROM pg_stat_activity
        WHERE datid IS NOT NULL AND (usename <> current_user OR datname <> current_database())
    ) AS others
    """)
_LIVING = text(f"SELECT count(*) FROM process WHERE {ALIVE}")
_DELIVERY = text("""
    SELECT
        (SELECT count(*) FROM outbox WHERE state = 'waiting') AS waiting,
        (SELECT extract(epoch FROM now() - min(created_at)) FROM outbox WHERE state = 'waiting') AS age,
        (SELECT count(*) FROM deferred) AS deferred,
        (SELECT extract(epoch FROM now() - min(created_at)) FROM deferred) AS deferred_age,
        (SELECT count(*) FROM outbox WHERE state = 'dead') AS dead,
        (SELECT count(*) FROM failed_update WHERE set_aside_at IS NOT NULL) AS set_aside
    """)
_ADVICE = {
    "28": "Correct DB_USER and DB_PASSWORD",
    "3D": "Create it, or correct DB_NAME",
    "08P01": "Is it a PgBouncer? Then set DB_PGBOUNCER=true",
    "53300": "Raise max_connections, or lower DB_MAX_POOL",
    "57P03": "It is starting or stopping: wait a moment",
}


async def check_server() -> Check:
    """Whether it is there, and which one."""
    try:
        async with async_session() as session:
            version = await session.scalar(text("SHOW server_version"))
    except EmbeddedDatabaseError as error:
        yield fail("database", "the embedded PostgreSQL does not run", str(error))
    except SQLAlchemyError as error:
        if not is_unavailable(error):
            raise
        state = str(getattr(getattr(error, "orig", None), "sqlstate", None))
        advice = next((_ADVICE[code] for code in _ADVICE if state.startswith(code)), None)
        advice = advice or "Start it, or correct DB_HOST and DB_PORT"
        yield fail("database", f"{_place()} does not answer: {reason(error)}", advice)
    else:
        yield ok("database", f"PostgreSQL {version}, {_place()}")


async def check_schema() -> Check:
    """Whether it has the newest tables."""
    if await is_at_head():
        yield ok("schema", "at head")
    else:
        yield fail("schema", "not the newest", "Run `alembic upgrade head`, or start the server: it does so, too")


async def check_connections() -> Check:
    """Whether it has room for the pools of all processes."""
    async with async_session() as session:
        living = await session.scalar(_LIVING, {"lease": settings.LEASE_SECONDS}) or 0
        room, others = (await session.execute(_ROOM)).one()
    processes = max(living, settings.WORKERS_COUNT)
    wanted = processes * settings.pool_size
    told = f"{wanted} wanted (processes: {processes}, {settings.pool_size} each)"
    advice = "Lower DB_MAX_POOL, or raise max_connections"
    if settings.DB_PGBOUNCER:
        yield ok("connections", f"{told} of PgBouncer, whose max_client_conn must allow them")
    elif wanted > room:
        yield fail("connections", f"{told}, and PostgreSQL allows {room}", advice)
    elif wanted > room - others:
        yield warn("connections", f"{told}, but of {room} that PostgreSQL allows others hold {others}", advice)
    else:
        yield ok("connections", f"{told}; PostgreSQL allows {room}, of which others hold {others}")


async def check_clock() -> Check:
    """Whether it has the same time as this machine."""
    async with async_session() as session:
        await session.connection()
        before = datetime.now(UTC)
        there = await session.scalar(text("SELECT clock_timestamp()"))
    assert isinstance(there, datetime)
    yield clock_finding("PostgreSQL", (there - before).total_seconds())


async def check_processes() -> Check:
    """Whether the server runs."""
    async with async_session() as session:
        living = await session.scalar(_LIVING, {"lease": settings.LEASE_SECONDS}) or 0
    if living:
        yield ok("server", f"live processes: {living}")
    else:
        yield warn("server", "no live process", "Start it: `python server.py`")


async def check_delivery() -> Check:
    """Whether answers leave, and what waits for the operator."""
    async with async_session() as session:
        waiting, age, deferred, deferred_age, dead, set_aside = (await session.execute(_DELIVERY)).one()
    yield _backlog("outbox", f"waiting answers: {waiting}", age)
    yield _backlog("slow commands", f"waiting: {deferred}", deferred_age)
    if dead:
        yield warn(
            "outbox", f"answers that Telegram has refused: {dead}", "Outbox at /admin tells why, and tries again"
        )
    if set_aside:
        advice = "Failed updates at /admin show the trace, and try again"
        yield warn("updates", f"set aside because of a bug: {set_aside}", advice)
    else:
        yield ok("updates", "none is set aside")


def clock_finding(whose: str, ahead: float) -> Finding:
    """What another clock being ahead of this machine's by some seconds means."""
    direction = "ahead of" if ahead > 0 else "behind"
    said = f"{whose}'s is {abs(ahead):.0f} seconds {direction} this machine's"
    advice = "Set both by NTP: `timedatectl` tells whether it is on"
    if abs(ahead) > _WRONG_SECONDS:
        return fail("clock", said, advice)
    if abs(ahead) > _UNEVEN_SECONDS:
        return warn("clock", said, advice)
    return ok("clock", f"{whose}'s and this machine's agree")


def _backlog(topic: str, said: str, age: float | None) -> Finding:
    if age is None or age < _LATE_SECONDS:
        return ok(topic, said)
    said += f", the oldest for {float(age) / 60:.0f} minutes"
    advice = "Does a server run, and what does its log say of Telegram?"
    return fail(topic, said, advice) if age > _TOO_LATE_SECONDS else warn(topic, said, advice)


def _place() -> str:
    if settings.is_database_embedded:
        return f"embedded, in {EMBEDDED.data}"
    address = DATABASE_SETTINGS["default"]
    through = " through PgBouncer" if settings.DB_PGBOUNCER else ""
    return f"database {address['database']} at {address['host']}:{address['port']}{through}"
