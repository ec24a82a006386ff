"""Answers on their way: stored with their update, sent in order within a chat, paced, tried again, never dropped.

Each chat has a lane, a row that counts the waiting answers and names the process that sends them. Whoever stores an
answer locks the lane until the commit, so the ids of a chat's answers are in the order of their commits; a lane that is
free, or whose owner is dead, becomes the storing process's own. Only the owner sends, one answer at a time, and the
next one leaves after the commit that notes the last one: a crash repeats at most the one in flight.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import BigInteger, Integer, LargeBinary, Text, bindparam, func, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import DateTime, TypeEngine

from bread_bot.bot import pace
from bread_bot.bot.errors import (
    BadRequest,
    ChatMigrated,
    FileGone,
    Forbidden,
    TelegramError,
    ThreadGone,
    TooManyRequests,
)
from bread_bot.bot.models import OutboxLane, OutboxMessage
from bread_bot.bot.presence import ALIVE, Presence
from bread_bot.bot.renumber import renumber
from bread_bot.bot.telegram import Sending, TelegramClient
from bread_bot.main.database.base import async_session
from bread_bot.main.database.gauges import database_gauge
from bread_bot.main.settings import settings
from bread_bot.utils.metrics import counter
from bread_bot.utils.tracing import joined

logger = logging.getLogger(__name__)

_COLUMNS: dict[str, TypeEngine[Any]] = {
    "id": BigInteger(),
    "chat_id": BigInteger(),
    "method": Text(),
    "payload": JSONB(),
    "content": LargeBinary(),
    "about": Text(),
    "created_at": DateTime(timezone=True),
    "owner": BigInteger(),
    "waiting": Integer(),
    "resume_at": DateTime(timezone=True),
    "sent": ARRAY(DateTime(timezone=True)),
    "traceparent": Text(),
}
_STORE = text(f"""
    WITH news AS (
        SELECT * FROM unnest(
            CAST(:chat_id AS bigint[]), CAST(:method AS text[]), CAST(:payload AS text[]), :content,
            CAST(:about AS text[]), CAST(:update_id AS bigint[]), CAST(:key AS text[]), CAST(:traceparent AS text[])
        ) WITH ORDINALITY AS news (chat_id, method, payload, content, about, update_id, key, traceparent, place)
    ), lane AS (
        INSERT INTO outbox_lane AS lane (chat_id, owner, waiting)
        SELECT chat_id, CAST(:owner AS bigint), count(*) FROM news GROUP BY chat_id ORDER BY chat_id
        ON CONFLICT (chat_id) DO UPDATE SET waiting = lane.waiting + excluded.waiting,
            owner = CASE WHEN EXISTS (SELECT FROM process WHERE process.id = lane.owner AND {ALIVE})
                THEN lane.owner ELSE excluded.owner END
        RETURNING chat_id, owner, waiting, resume_at, sent
    ), stored AS (
        INSERT INTO outbox (chat_id, method, payload, content, about, update_id, idempotency_key, traceparent)
        SELECT chat_id, method, CAST(payload AS jsonb), content, about, update_id, key, traceparent
        FROM lane JOIN news USING (chat_id) ORDER BY place
        RETURNING id, chat_id, method, payload, content, about, created_at, traceparent
    )
    SELECT stored.*, lane.owner, lane.waiting, lane.resume_at, lane.sent
    FROM stored JOIN lane USING (chat_id) ORDER BY stored.id
    """).bindparams(bindparam("content", type_=ARRAY(LargeBinary()))).columns(**_COLUMNS)
_LOAD = text("""
    SELECT id, outbox.chat_id, method, payload, content, about, outbox.created_at, lane.owner, lane.waiting, resume_at,
        sent, attempts, outbox.traceparent
    FROM outbox JOIN outbox_lane AS lane USING (chat_id)
    WHERE state = 'waiting' AND lane.owner = :owner AND chat_id = ANY(CAST(:chat_ids AS bigint[]))
    ORDER BY id
    """).columns(**_COLUMNS, attempts=Integer())
# The lane is counted down and, once empty, freed in the very statement that notes the result. Like those who store, it
# locks the lanes in the order of their chats: in any other order two of them could wait for each other.
_SETTLE = text("""
    WITH news AS (
        SELECT * FROM unnest(
            CAST(:id AS bigint[]), CAST(:state AS text[]), CAST(:error AS text[]),
            CAST(:message_id AS bigint[]), CAST(:paced AS bool[])
        ) AS news (id, state, error, message_id, paced)
    ), locked AS (
        SELECT chat_id FROM outbox_lane
        WHERE chat_id IN (SELECT chat_id FROM outbox JOIN news USING (id)) ORDER BY chat_id FOR UPDATE
    ), done AS (
        UPDATE outbox SET state = news.state, error = news.error, message_id = news.message_id, done_at = now(),
            content = CASE WHEN news.state = 'dead' THEN content END
        FROM news WHERE outbox.id = news.id AND outbox.state = 'waiting'
        RETURNING outbox.id, outbox.chat_id, news.paced
    )
    UPDATE outbox_lane AS lane SET waiting = lane.waiting - less.waiting, resume_at = NULL,
        owner = CASE WHEN lane.waiting > less.waiting THEN lane.owner END,
        sent = CASE WHEN less.paced > 0 THEN (lane.sent || array_fill(now(), ARRAY[less.paced]))
            [greatest(1, cardinality(lane.sent) + less.paced - :remembered + 1):] ELSE lane.sent END
    FROM (
        SELECT chat_id, CAST(count(*) AS int) AS waiting, CAST(count(*) FILTER (WHERE paced) AS int) AS paced
        FROM done JOIN locked USING (chat_id) GROUP BY chat_id
    ) AS less
    WHERE lane.chat_id = less.chat_id
    RETURNING lane.chat_id, lane.waiting
    """).bindparams(bindparam("remembered", type_=Integer()))
_PUT_OFF = text("""
    WITH late AS (
        UPDATE outbox SET attempts = :attempts, error = :error, payload = CAST(:payload AS jsonb)
        WHERE id = :id AND state = 'waiting'
    )
    UPDATE outbox_lane SET resume_at = now() + make_interval(secs => :delay) WHERE chat_id = :chat_id
    """)
# Whoever stores an answer holds the lane: once it is locked, the next statement sees all that is stored.
_LOCK_LANE = text("SELECT FROM outbox_lane WHERE chat_id = :chat_id FOR UPDATE")
_LEAVE_CHAT = text("""
    WITH gone AS (UPDATE chat SET left_at = now() WHERE id = :chat_id),
        dropped AS (
            UPDATE outbox SET state = 'dropped', error = :error, done_at = now(), content = NULL
            WHERE chat_id = :chat_id AND state = 'waiting'
        )
    UPDATE outbox_lane SET waiting = 0, owner = NULL, resume_at = NULL WHERE chat_id = :chat_id
    """)
_CLAIM = text(f"""
    UPDATE outbox_lane SET owner = :owner
    WHERE chat_id IN (
        SELECT chat_id FROM outbox_lane AS lane
        WHERE waiting > 0 AND (owner IS NULL OR owner <> :owner
            AND NOT EXISTS (SELECT FROM process WHERE process.id = lane.owner AND {ALIVE}))
        ORDER BY chat_id LIMIT 500 FOR UPDATE SKIP LOCKED
    )
    RETURNING chat_id
    """)
_OWNED = text("SELECT chat_id FROM outbox_lane WHERE owner = :owner AND waiting > 0")

_RETRIES = counter("bread_bot_outbox_retries_total", "Times that an answer was put off, to be sent later.")
# Written out, the states let every plan use the indexes of the few rows that have them.
_BUSY = OutboxLane.waiting > 0
_FIRST = (
    select(OutboxMessage.created_at)
    .where(OutboxMessage.chat_id == OutboxLane.chat_id, OutboxMessage.state == literal("waiting", literal_execute=True))
    .order_by(OutboxMessage.id)
    .limit(1)
    .correlate(OutboxLane)
    .scalar_subquery()
)
database_gauge(
    "bread_bot_outbox_waiting_messages",
    "Answers that wait to be sent.",
    select(func.coalesce(func.sum(OutboxLane.waiting), 0)).where(_BUSY).scalar_subquery(),
)
database_gauge(
    "bread_bot_outbox_oldest_age_seconds",
    "How long the oldest of them has waited.",
    select(func.coalesce(func.extract("epoch", func.now() - func.min(_FIRST)), 0)).where(_BUSY).scalar_subquery(),
)
database_gauge(
    "bread_bot_outbox_dead_messages",
    "Answers that Telegram refused for good, and that wait for an admin.",
    select(func.count()).where(OutboxMessage.state == literal("dead", literal_execute=True)).scalar_subquery(),
)

_PACED = ("send",)
_REMEMBERED_IDS = 10_000
_NOTE_SECONDS = 2.0


@dataclass(slots=True)
class Outgoing:
    """One stored answer in the memory of the process that sends it."""

    id: int
    chat_id: int
    method: str
    payload: dict[str, Any]
    content: bytes | None
    about: str | None
    created_at: datetime
    attempts: int = 0
    traceparent: str | None = None
    is_settling: bool = False

    @property
    def is_paced(self) -> bool:
        """Whether Telegram counts it as a message."""
        return self.method.startswith(_PACED) and self.method != "sendChatAction"


@dataclass(slots=True)
class Lane:
    """The waiting answers of one chat, claimed in the given term of this process's presence."""

    rows: deque[Outgoing] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None
    term: int = 0
    resume_at: datetime | None = None

    @property
    def unsettled(self) -> int:
        """How many of them the database surely counts as waiting, too."""
        return sum(not row.is_settling for row in self.rows)


@dataclass(frozen=True, slots=True)
class Stored:
    """What `store` has written, to be handed to `send` after the commit."""

    rows: Sequence[Any] = ()
    term: int = 0


@dataclass(slots=True)
class _Settled:
    row: Outgoing
    state: str
    error: str | None
    message_id: int | None
    waiting: asyncio.Future[int]


class Outbox:
    """The answers that this process sends."""

    def __init__(self, telegram: TelegramClient, presence: Presence) -> None:
        self._telegram = telegram
        self._presence = presence
        self._pace = pace.Pace()
        self._lanes: dict[int, Lane] = {}
        self._seen: dict[int, None] = {}
        self._settled: list[_Settled] = []
        self._settling: asyncio.Task[None] | None = None
        self._sweeping: asyncio.Task[None] | None = None
        self._loads: set[asyncio.Task[None]] = set()

    async def store(
        self,
        session: AsyncSession,
        sendings: Iterable[tuple[int | None, Sending]],
        *,
        idempotency_key: str | None = None,
    ) -> Stored:
        """Write answers, as (update_id, sending), within the session's transaction."""
        listed = list(sendings)
        if not listed:
            return Stored()
        parameters = {
            "chat_id": [one.chat_id for _, one in listed],
            "method": [one.method for _, one in listed],
            "payload": [orjson.dumps(one.payload).decode() for _, one in listed],
            "content": [one.content for _, one in listed],
            "about": [one.about for _, one in listed],
            "update_id": [update_id for update_id, _ in listed],
            "key": [idempotency_key if number == 0 else None for number in range(len(listed))],
            "owner": self._presence.id,
            "lease": settings.LEASE_SECONDS,
            "traceparent": [one.traceparent for _, one in listed],
        }
        term = self._presence.term
        return Stored((await session.execute(_STORE, parameters)).all(), term)

    def send(self, stored: Stored) -> None:
        """Send what was stored, now that it is committed."""
        missing = set()
        for row in stored.rows:
            if row.owner != self._presence.id or self._knows(row):
                continue  # another process sends it, or it has been read from the database already
            lane = self._lanes.get(row.chat_id)
            in_memory = lane.unsettled if lane else 0
            mine = sum(1 for one in stored.rows if one.chat_id == row.chat_id and one.id >= row.id)
            if row.chat_id in missing or in_memory + mine < row.waiting:
                missing.add(row.chat_id)  # the lane was taken over from another process with what waits there
            else:
                self._enqueue(row, stored.term)
        if missing:
            load = asyncio.create_task(self._load_later(missing), name="outbox load")
            self._loads.add(load)
            load.add_done_callback(self._loads.discard)

    async def retry(self, number: int) -> bool:
        """Put an answer that Telegram has refused to the end of its chat's queue, once.

        :return: False if there is no such answer
        """
        stored = Stored()
        async with async_session() as session:
            row = await session.scalar(select(OutboxMessage).where(OutboxMessage.id == number).with_for_update())
            if row is not None and row.state == "dead":
                again = Sending(row.chat_id, row.method, row.payload, row.content, row.about, row.traceparent)
                stored = await self.store(session, [(row.update_id, again)])
                row.state, row.error, row.content = "dropped", f"tried again as {stored.rows[0].id}", None
            await session.commit()
        self.send(stored)
        return row is not None

    async def forget(self, chat_id: int) -> None:
        """Send nothing more of what this process has for a chat; what is stored is the caller's to delete."""
        lane = self._lanes.get(chat_id)
        if lane is not None and lane.task is not None:
            lane.task.cancel()
            await asyncio.wait([lane.task])

    def start(self) -> None:
        """Take over what other processes left behind, now and from time to time."""
        self._sweeping = asyncio.create_task(self._sweep_on(), name="outbox sweep")

    async def stop(self, seconds: float) -> None:
        """Send what is claimed for at most so many seconds, then stop."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeping
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.flush()
        tasks = [*self._loads, *(lane.task for lane in self._lanes.values() if lane.task)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._settling is not None:
            await asyncio.wait([self._settling], timeout=_NOTE_SECONDS)
            self._settling.cancel()
        self._lanes.clear()

    async def flush(self) -> None:
        """Wait until all that this process has to send is sent, and noted."""
        while tasks := [*self._loads, *(lane.task for lane in self._lanes.values() if lane.task)]:
            await asyncio.wait(tasks)

    @property
    def depth(self) -> int:
        """How many answers wait in this process."""
        return sum(len(lane.rows) for lane in self._lanes.values())

    # ---- lanes

    def _enqueue(self, row: Any, term: int) -> None:
        outgoing = Outgoing(
            row.id,
            row.chat_id,
            row.method,
            row.payload,
            row.content,
            row.about,
            row.created_at,
            getattr(row, "attempts", 0),
            row.traceparent,
        )
        self._seen[row.id] = None
        if len(self._seen) > _REMEMBERED_IDS:
            del self._seen[next(iter(self._seen))]
        lane = self._lanes.get(row.chat_id)
        if lane is None:
            lane = self._lanes[row.chat_id] = Lane(term=term)
            self._pace.recall(row.chat_id, row.sent)
            lane.task = asyncio.create_task(self._run(row.chat_id, lane), name=f"outbox lane {row.chat_id}")
        lane.rows.append(outgoing)
        if row.resume_at is not None:
            lane.resume_at = max(row.resume_at, lane.resume_at or row.resume_at)

    def _knows(self, row: Any) -> bool:
        """Whether a row is in memory, or was until it was sent."""
        lane = self._lanes.get(row.chat_id)
        return row.id in self._seen or lane is not None and any(row.id == one.id for one in lane.rows)

    async def _run(self, chat_id: int, lane: Lane) -> None:
        try:
            while lane.rows:
                row = lane.rows[0]
                if lane.resume_at is not None:
                    await pace.sleep_until(lane.resume_at.timestamp())
                    lane.resume_at = None
                if row.is_paced:
                    await self._pace.wait(chat_id, self._presence.others + 1)
                if not self._presence.alive:
                    await self._presence.beat()
                if lane.term != self._presence.term:  # the claim has lapsed: what is still ours is read anew
                    self._forget(lane)
                    lane.term = self._presence.term
                    await self._load([chat_id])
                elif await self._send(chat_id, lane, row) > len(lane.rows):
                    await self._load([chat_id])
        except Exception as error:
            logger.warning("The lane of a chat has stopped, the next sweep takes it up: %s", type(error).__name__)
        finally:
            self._forget(lane)
            if self._lanes.get(chat_id) is lane:
                del self._lanes[chat_id]

    def _forget(self, lane: Lane) -> None:
        """Drop a lane's rows from memory, so that they can be read again."""
        for row in lane.rows:
            self._seen.pop(row.id, None)
        lane.rows.clear()

    async def _send(self, chat_id: int, lane: Lane, row: Outgoing) -> int:
        """Send a lane's first row, or put it off; return how many the database says wait (0 where it was not asked)."""
        try:
            waited = (datetime.now(UTC) - row.created_at).total_seconds()
            with joined(row.traceparent, "outbox", method=row.method, attempt=row.attempts + 1, waited_seconds=waited):
                result = await self._telegram.send(row.method, chat_id, row.payload, row.content)
        except TelegramError as error:
            return await self._refused(chat_id, lane, row, error)
        except Exception as error:  # a bug of ours must not hold up the chat for ever
            logger.exception("An answer could not be sent", extra={"method": row.method})
            return await self._refused(chat_id, lane, row, TelegramError(type(error).__name__))
        message_id = result.get("message_id") if isinstance(result, dict) else None
        return await self._settle(lane, row, "sent", None, message_id)

    async def _refused(self, chat_id: int, lane: Lane, row: Outgoing, error: TelegramError) -> int:
        if isinstance(error, TooManyRequests):
            self._pace.told_to_wait(chat_id, error.retry_after)
            await self._put_off(lane, row, row.attempts, error.retry_after, error)
        elif isinstance(error, ChatMigrated):
            logger.info("A group has become a supergroup", extra={"chat_id": chat_id, "new_chat_id": error.chat_id})
            async with async_session() as session, session.begin():
                await renumber(session, chat_id, error.chat_id)
            self._forget(lane)
            await self.sweep()
        elif isinstance(error, Forbidden):
            logger.info("The bot may not write to a chat any more", extra={"chat_id": chat_id, "reason": str(error)})
            async with async_session() as session, session.begin():
                await session.execute(_LOCK_LANE, {"chat_id": chat_id})
                await session.execute(_LEAVE_CHAT, {"chat_id": chat_id, "error": str(error)})
            self._forget(lane)
            await self._load([chat_id])  # what came meanwhile, from a chat that is open again
        elif isinstance(error, ThreadGone) and "message_thread_id" in row.payload:
            row.payload = {name: value for name, value in row.payload.items() if name != "message_thread_id"}
        elif isinstance(error, BadRequest):
            state = "dead" if row.is_paced else "dropped"  # an old button's answer is no loss
            logger.warning("Telegram refused a call for good", extra={"method": row.method, "reason": str(error)})
            waiting = await self._settle(lane, row, state, str(error), None)
            if isinstance(error, FileGone):
                await self._tell_dead_value(row)
            return waiting
        elif datetime.now(UTC) - row.created_at > timedelta(hours=settings.OUTBOX_HOURS):
            return await self._settle(lane, row, "dead", f"given up: {error}", None)
        else:
            delay = min(2.0 ** min(row.attempts, 8), 300.0) * random.uniform(0.5, 1.0)
            await self._put_off(lane, row, row.attempts + 1, delay, error)
        return 0

    async def _put_off(self, lane: Lane, row: Outgoing, attempts: int, delay: float, error: TelegramError) -> None:
        _RETRIES.inc()
        row.attempts = attempts
        lane.resume_at = datetime.fromtimestamp(pace.now() + delay, UTC)
        parameters = {
            "id": row.id,
            "chat_id": row.chat_id,
            "attempts": attempts,
            "error": str(error),
            "delay": delay,
            "payload": orjson.dumps(row.payload).decode(),
        }
        async with async_session() as session, session.begin():
            await session.execute(_PUT_OFF, parameters)

    async def _tell_dead_value(self, row: Outgoing) -> None:
        key = f" у ключа «{row.about}»" if row.about else ""
        where = {name: row.payload[name] for name in row.payload if name in ("message_thread_id", "reply_parameters")}
        payload = where | {"text": f"Значение{key} больше не открывается: Телеграм потерял файл."}
        async with async_session() as session:
            said = Sending(row.chat_id, "sendMessage", payload, traceparent=row.traceparent)
            stored = await self.store(session, [(None, said)])
            await session.commit()
        self.send(stored)

    # ---- what the database is told of results

    async def _settle(self, lane: Lane, row: Outgoing, state: str, error: str | None, message_id: int | None) -> int:
        row.is_settling = True
        waiting: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._settled.append(_Settled(row, state, error, message_id, waiting))
        if self._settling is None or self._settling.done():
            self._settling = asyncio.create_task(self._settle_all(), name="outbox settle")
        left = await waiting
        lane.rows.popleft()
        return left

    async def _settle_all(self) -> None:
        """Note all results that have come in meanwhile in one statement; again and again until there are none."""
        while self._settled:
            batch, self._settled = self._settled, []
            try:
                waiting = await self._note(batch)
            except Exception as error:  # sent, but not noted: it must be noted before the chat's next one leaves
                logger.warning("Results can't be noted yet: %s", type(error).__name__)
                self._settled = batch + self._settled
                await asyncio.sleep(0.5)
                continue
            for one in batch:
                if not one.waiting.done():
                    one.waiting.set_result(waiting.get(one.row.chat_id, 0))

    async def _note(self, batch: Sequence[_Settled]) -> dict[int, int]:
        ordered = sorted(batch, key=lambda one: one.row.chat_id)
        parameters = {
            "id": [one.row.id for one in ordered],
            "state": [one.state for one in ordered],
            "error": [one.error for one in ordered],
            "message_id": [one.message_id for one in ordered],
            "paced": [one.row.is_paced and one.state == "sent" for one in ordered],
            "remembered": max(settings.GROUP_RATE, 1),
        }
        async with async_session() as session, session.begin():
            rows = (await session.execute(_SETTLE, parameters)).all()
        return {row.chat_id: row.waiting for row in rows}

    # ---- what other processes left, or wrote into our lanes

    async def _load(self, chat_ids: Iterable[int]) -> None:
        term = self._presence.term
        parameters = {"owner": self._presence.id, "chat_ids": list(chat_ids)}
        async with async_session() as session:
            rows = (await session.execute(_LOAD, parameters)).all()
        for row in rows:
            if not self._knows(row):
                self._enqueue(row, term)

    async def _load_later(self, chat_ids: Iterable[int]) -> None:
        try:
            await self._load(chat_ids)
        except Exception as error:
            logger.warning("Answers can't be read, the next sweep does it: %s", type(error).__name__)

    async def sweep(self) -> None:
        """Take over the lanes of processes that are gone, and look into our own for what was missed."""
        parameters = {"owner": self._presence.id, "lease": settings.LEASE_SECONDS}
        async with async_session() as session, session.begin():
            claimed = set(await session.scalars(_CLAIM, parameters))
            claimed.update(await session.scalars(_OWNED, {"owner": self._presence.id}))
        if idle := claimed - self._lanes.keys():
            await self._load(idle)

    async def _sweep_on(self) -> None:
        while True:
            try:
                await self.sweep()
            except Exception as error:
                logger.warning("The outbox could not be swept: %s", type(error).__name__)
            await asyncio.sleep(settings.LEASE_SECONDS / 8)
