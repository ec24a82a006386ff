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
from sqlalchemy import BigInteger, Integer, LargeBinary, Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import DateTime

from bread_bot.bot.errors import (
    BadRequest,
    ChatMigrated,
    FileGone,
    Forbidden,
    TelegramError,
    ThreadGone,
    TooManyRequests,
)
from bread_bot.bot.pace import Pace
from bread_bot.bot.presence import ALIVE, Presence
from bread_bot.bot.renumber import renumber
from bread_bot.bot.telegram import Sending, TelegramClient
from bread_bot.main.database.base import async_session
from bread_bot.main.settings import settings
from bread_bot.utils.tracing import joined, traceparent

logger = logging.getLogger(__name__)

_STORE = (
    text(f"""
    WITH news AS (
        SELECT * FROM unnest(
            CAST(:chat_id AS bigint[]), CAST(:method AS text[]), CAST(:payload AS text[]), :content,
            CAST(:about AS text[]), CAST(:update_id AS bigint[]), CAST(:key AS text[])
        ) WITH ORDINALITY AS news (chat_id, method, payload, content, about, update_id, key, place)
    ), lane AS (
        INSERT INTO outbox_lane AS lane (chat_id, owner, waiting)
        SELECT chat_id, CAST(:owner AS bigint), count(*) FROM news GROUP BY chat_id ORDER BY chat_id
        ON CONFLICT (chat_id) DO UPDATE SET waiting = lane.waiting + excluded.waiting,
            owner = CASE WHEN EXISTS (SELECT FROM process WHERE process.id = lane.owner AND {ALIVE})
                THEN lane.owner ELSE excluded.owner END
        RETURNING chat_id, owner, waiting, resume_at, sent
    ), stored AS (
        INSERT INTO outbox (chat_id, method, payload, content, about, update_id, idempotency_key, traceparent)
        SELECT chat_id, method, CAST(payload AS jsonb), content, about, update_id, key, CAST(:traceparent AS text)
        FROM lane JOIN news USING (chat_id) ORDER BY place
        RETURNING id, chat_id, method, payload, content, about, created_at
    )
    SELECT stored.*, lane.owner, lane.waiting, lane.resume_at, lane.sent
    FROM stored JOIN lane USING (chat_id) ORDER BY stored.id
    """)
    .bindparams(bindparam("content", type_=ARRAY(LargeBinary())))
    .columns(
        id=BigInteger(),
        chat_id=BigInteger(),
        method=Text(),
        payload=JSONB(),
        content=LargeBinary(),
        about=Text(),
        created_at=DateTime(timezone=True),
        owner=BigInteger(),
        waiting=Integer(),
        resume_at=DateTime(timezone=True),
        sent=ARRAY(DateTime(timezone=True)),
    )
)
_LOAD = text("""
    SELECT id, outbox.chat_id, method, payload, content, about, outbox.created_at, lane.owner, lane.waiting, resume_at,
        sent, attempts, outbox.traceparent
    FROM outbox JOIN outbox_lane AS lane USING (chat_id)
    WHERE state = 'waiting' AND lane.owner = :owner AND chat_id = ANY(CAST(:chat_ids AS bigint[]))
    ORDER BY id
    """).columns(
    id=BigInteger(),
    chat_id=BigInteger(),
    method=Text(),
    payload=JSONB(),
    content=LargeBinary(),
    about=Text(),
    created_at=DateTime(timezone=True),
    owner=BigInteger(),
    waiting=Integer(),
    resume_at=DateTime(timezone=True),
    sent=ARRAY(DateTime(timezone=True)),
    attempts=Integer(),
    traceparent=Text(),
)
# The lane is counted down and, once empty, freed in the very statement that notes the result.
_SETTLE = text("""
    WITH news AS (
        SELECT * FROM unnest(
            CAST(:id AS bigint[]), CAST(:state AS text[]), CAST(:error AS text[]),
            CAST(:message_id AS bigint[]), CAST(:paced AS bool[])
        ) AS news (id, state, error, message_id, paced)
    ), done AS (
        UPDATE outbox SET state = news.state, error = news.error, message_id = news.message_id, done_at = now(),
            content = NULL
        FROM news WHERE outbox.id = news.id AND outbox.state = 'waiting'
        RETURNING outbox.id, outbox.chat_id, news.paced
    )
    UPDATE outbox_lane AS lane SET waiting = lane.waiting - less.waiting, resume_at = NULL,
        owner = CASE WHEN lane.waiting > less.waiting THEN lane.owner END,
        sent = CASE WHEN less.paced > 0 THEN (lane.sent || array_fill(now(), ARRAY[less.paced]))
            [greatest(1, cardinality(lane.sent) + less.paced - :remembered + 1):] ELSE lane.sent END
    FROM (
        SELECT chat_id, CAST(count(*) AS int) AS waiting, CAST(count(*) FILTER (WHERE paced) AS int) AS paced
        FROM done GROUP BY chat_id
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
_LEAVE_CHAT = text("""
    WITH gone AS (UPDATE chat SET left_at = now() WHERE id = :chat_id),
        dropped AS (
            UPDATE outbox SET state = 'dropped', error = :error, done_at = now(), content = NULL
            WHERE chat_id = :chat_id AND state = 'waiting'
        )
    UPDATE outbox_lane SET waiting = 0, owner = NULL WHERE chat_id = :chat_id
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

_PACED = ("send",)
_REMEMBERED_IDS = 10_000


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
    """The waiting answers of one chat."""

    rows: deque[Outgoing] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None
    resume_at: datetime | None = None

    @property
    def unsettled(self) -> int:
        """How many of them the database surely counts as waiting, too."""
        return sum(not row.is_settling for row in self.rows)


@dataclass(frozen=True, slots=True)
class Stored:
    """What `store` has written, to be handed to `send` after the commit."""

    rows: Sequence[Any] = ()


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
        self._pace = Pace()
        self._lanes: dict[int, Lane] = {}
        self._highest: dict[int, int] = {}
        self._settled: list[_Settled] = []
        self._settling: asyncio.Task[None] | None = None
        self._sweeping: asyncio.Task[None] | None = None
        self._stopping = False

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
            "traceparent": traceparent(),
        }
        return Stored((await session.execute(_STORE, parameters)).all())

    def send(self, stored: Stored) -> None:
        """Send what was stored, now that it is committed."""
        missing = set()
        for row in stored.rows:
            if row.owner != self._presence.id or row.id <= self._highest.get(row.chat_id, 0):
                continue  # another process sends it, or it has been read from the database already
            lane = self._lanes.get(row.chat_id)
            in_memory = lane.unsettled if lane else 0
            mine = sum(1 for one in stored.rows if one.chat_id == row.chat_id and one.id >= row.id)
            if row.chat_id in missing or in_memory + mine < row.waiting:
                missing.add(row.chat_id)  # the lane was taken over from another process with what waits there
            else:
                self._pace.recall(row.chat_id, row.sent)
                self._enqueue(row, row.resume_at)
        if missing:
            self._spawn_load(missing)

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
        self._stopping = True
        tasks = [lane.task for lane in self._lanes.values() if lane.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._settling is not None:
            await asyncio.wait([self._settling], timeout=2)
        self._lanes.clear()

    async def flush(self) -> None:
        """Wait until all that this process has to send is sent, and noted."""
        while tasks := [*_background, *(lane.task for lane in self._lanes.values() if lane.task)]:
            await asyncio.wait(tasks)

    @property
    def depth(self) -> int:
        """How many answers wait in this process."""
        return sum(len(lane.rows) for lane in self._lanes.values())

    # ---- lanes

    def _enqueue(self, row: Any, resume_at: datetime | None) -> None:
        outgoing = Outgoing(
            row.id,
            row.chat_id,
            row.method,
            row.payload,
            row.content,
            row.about,
            row.created_at,
            getattr(row, "attempts", 0),
            getattr(row, "traceparent", None) or traceparent(),
        )
        self._highest.pop(row.chat_id, None)  # so that the newest stands last
        self._highest[row.chat_id] = row.id
        if len(self._highest) > _REMEMBERED_IDS:
            del self._highest[next(iter(self._highest))]
        lane = self._lanes.setdefault(row.chat_id, Lane())
        lane.rows.append(outgoing)
        lane.resume_at = resume_at
        if lane.task is None:
            lane.task = asyncio.create_task(self._run(row.chat_id, lane), name=f"outbox lane {row.chat_id}")

    async def _run(self, chat_id: int, lane: Lane) -> None:
        try:
            while lane.rows:
                if not self._presence.alive:
                    await self._presence.beat()
                    self._forget(chat_id, lane)  # the claim has lapsed: what is still ours is read anew
                    await self._load([chat_id])
                elif await self._send_first(chat_id, lane) > len(lane.rows):
                    await self._load([chat_id])
        except asyncio.CancelledError:
            raise
        except Exception:
            logger.exception("The lane of a chat has stopped, the next sweep takes it up")
        finally:
            self._forget(chat_id, lane)
            if self._lanes.get(chat_id) is lane:
                del self._lanes[chat_id]

    def _forget(self, chat_id: int, lane: Lane) -> None:
        """Drop a lane's rows from memory, so that they can be read again."""
        if lane.rows:
            self._highest[chat_id] = lane.rows[0].id - 1
            lane.rows.clear()

    async def _send_first(self, chat_id: int, lane: Lane) -> int:
        """Send the first row, or put it off; return how many the database says wait (0 where it was not asked)."""
        row = lane.rows[0]
        if lane.resume_at is not None:
            await _sleep_until(lane.resume_at)
            lane.resume_at = None
        if row.is_paced:
            await self._pace.wait(chat_id, self._presence.others + 1)
        try:
            with joined(row.traceparent, "outbox", method=row.method):
                result = await self._telegram.send(row.method, chat_id, row.payload, row.content)
        except TelegramError as error:
            return await self._refused(chat_id, lane, row, error)
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
            self._forget(chat_id, lane)
            await self.sweep()
        elif isinstance(error, Forbidden):
            logger.info("The bot may not write to a chat any more", extra={"chat_id": chat_id, "reason": str(error)})
            async with async_session() as session, session.begin():
                await session.execute(_LEAVE_CHAT, {"chat_id": chat_id, "error": str(error)})
            lane.rows.clear()
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
        row.attempts = attempts
        lane.resume_at = datetime.now(UTC) + timedelta(seconds=delay)
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
            stored = await self.store(session, [(None, Sending(row.chat_id, "sendMessage", payload))])
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
        parameters = {"owner": self._presence.id, "chat_ids": list(chat_ids)}
        async with async_session() as session:
            rows = (await session.execute(_LOAD, parameters)).all()
        for row in rows:
            if row.id > self._highest.get(row.chat_id, 0):
                self._pace.recall(row.chat_id, row.sent)
                self._enqueue(row, row.resume_at)

    def _spawn_load(self, chat_ids: Iterable[int]) -> None:
        task = asyncio.create_task(self._load(chat_ids), name="outbox load")
        _background.add(task)
        task.add_done_callback(_background.discard)

    async def sweep(self) -> None:
        """Take over the lanes of processes that are gone, and look into our own for what was missed."""
        parameters = {"owner": self._presence.id, "lease": settings.LEASE_SECONDS}
        async with async_session() as session, session.begin():
            claimed = set(await session.scalars(_CLAIM, parameters))
            claimed.update(await session.scalars(_OWNED, {"owner": self._presence.id}))
        if idle := claimed - self._lanes.keys():
            await self._load(idle)

    async def _sweep_on(self) -> None:
        while not self._stopping:
            try:
                await self.sweep()
            except Exception as error:
                logger.warning("The outbox could not be swept: %s", type(error).__name__)
            await asyncio.sleep(settings.LEASE_SECONDS / 8)


_background: set[asyncio.Task[Any]] = set()


async def _sleep_until(moment: datetime) -> None:
    seconds = (moment - datetime.now(UTC)).total_seconds()
    if seconds > 0:
        await asyncio.sleep(seconds)
