"""The figures of the day, and of the days before: what operators look at first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Date, Integer, text
from sqlalchemy.ext.asyncio import AsyncSession

_DAYS = text("""
    SELECT day, coalesce(sum(wrote + edited), 0) AS messages, coalesce(sum(asked), 0) AS commands,
        coalesce(sum(taught), 0) AS taught, count(DISTINCT member_id) AS people, count(DISTINCT chat_id) AS chats
    FROM generate_series(CAST(now() AT TIME ZONE 'UTC' AS date) - CAST(:days AS int) + 1,
        CAST(now() AT TIME ZONE 'UTC' AS date), interval '1 day') AS days (begin)
    CROSS JOIN LATERAL (SELECT CAST(begin AS date) AS day) AS asked_for
    LEFT JOIN activity USING (day)
    GROUP BY day ORDER BY day
    """).columns(day=Date(), **{name: Integer() for name in ("messages", "commands", "taught", "people", "chats")})
_NOW = text("""
    WITH today AS (SELECT date_trunc('day', now(), 'UTC') AS began)
    SELECT
        (SELECT count(*) FROM handled_update, today WHERE handled_at >= began) AS updates,
        (SELECT count(*) FROM outbox, today WHERE state = 'sent' AND done_at >= began) AS answers,
        (SELECT count(*) FROM outbox WHERE state = 'waiting') AS waiting,
        (SELECT count(*) FROM outbox WHERE state = 'dead') AS dead,
        (SELECT count(*) FROM deferred) AS deferred,
        (SELECT count(*) FROM failed_update WHERE set_aside_at IS NOT NULL) AS set_aside,
        (SELECT count(*) FROM chat WHERE left_at IS NULL) AS chats,
        (SELECT count(*) FROM chat WHERE left_at IS NOT NULL) AS left_chats,
        (SELECT count(*) FROM member) AS members
    """)
_CHATS = text("SELECT type, count(*) FROM chat WHERE left_at IS NULL GROUP BY type ORDER BY type")
_BUSIEST = text("""
    SELECT chat_id, chat.type, CASE WHEN chat.type = 'private' THEN '' ELSE chat.title END AS title,
        sum(wrote + edited) AS messages, sum(asked) AS commands, count(DISTINCT member_id) AS people
    FROM activity JOIN chat ON chat.id = chat_id
    WHERE day > CAST(now() AT TIME ZONE 'UTC' AS date) - CAST(:days AS int)
    GROUP BY chat_id, chat.type, chat.title ORDER BY messages DESC, chat_id LIMIT :most
    """)


@dataclass(frozen=True, slots=True)
class Day:
    """What people did on one day (UTC), and how many people in how many chats."""

    day: date
    messages: int
    commands: int
    taught: int
    people: int
    chats: int


@dataclass(frozen=True, slots=True)
class Figures:
    """The last days, today being the last one; what was handled and sent today, and how things stand now."""

    days: Sequence[Day]
    updates: int
    answers: int
    waiting: int
    dead: int
    deferred: int
    set_aside: int
    chats: int
    left_chats: int
    members: int


@dataclass(frozen=True, slots=True)
class BusyChat:
    """What went on in one chat in some days; a private one has no title here: it would be a name."""

    id: int
    type: str
    title: str
    messages: int
    commands: int
    people: int


async def figures(session: AsyncSession, days: int = 14) -> Figures:
    """The figures of today and of some days."""
    rows = (await session.execute(_DAYS, {"days": days})).all()
    now = (await session.execute(_NOW)).one()
    return Figures([Day(*row) for row in rows], *now)


async def chats_by_type(session: AsyncSession) -> dict[str, int]:
    """How many chats of each type the bot is in."""
    return {kind: number for kind, number in await session.execute(_CHATS)}


async def busiest_chats(session: AsyncSession, days: int = 7, most: int = 10) -> list[BusyChat]:
    """The chats in which most was written in the last days, today included."""
    return [BusyChat(*row) for row in await session.execute(_BUSIEST, {"days": days, "most": most})]
