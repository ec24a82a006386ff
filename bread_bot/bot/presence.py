"""This process among the others on the same database: whether it is alive, and which duties are its own."""

import asyncio
import logging
import secrets
from contextlib import suppress

from sqlalchemy import bindparam, func, select, text

from bread_bot.bot.models import Process
from bread_bot.main.database.base import async_session
from bread_bot.main.database.gauges import database_gauge
from bread_bot.main.settings import settings

logger = logging.getLogger(__name__)

# A process that has not been heard of for LEASE_SECONDS is dead to the others: what it had claimed is anybody's.
ALIVE = "seen_at > now() - make_interval(secs => :lease)"

_BEAT = text(f"""
    WITH beat AS (
        INSERT INTO process (id, seen_at) VALUES (:id, now()) ON CONFLICT (id) DO UPDATE SET seen_at = now()
    ), buried AS (
        DELETE FROM process WHERE id <> :id AND seen_at < now() - make_interval(secs => :lease * 10)
    )
    SELECT count(*) FROM process WHERE id <> :id AND {ALIVE}
    """)
_TAKE_DUTY = text(f"""
    INSERT INTO singleton AS duty (name, owner) VALUES (:name, :id)
    ON CONFLICT (name) DO UPDATE SET owner = excluded.owner
    WHERE duty.owner IS NULL OR duty.owner = excluded.owner
        OR NOT EXISTS (SELECT FROM process WHERE process.id = duty.owner AND {ALIVE})
    RETURNING owner
    """)
_LEAVE = text("""
    WITH lanes AS (UPDATE outbox_lane SET owner = NULL WHERE owner = :id),
        runs AS (UPDATE deferred SET owner = NULL WHERE owner = :id),
        duties AS (UPDATE singleton SET owner = NULL WHERE owner = :id)
    DELETE FROM process WHERE id = :id
    """)

database_gauge(
    "bread_bot_processes",
    "Server processes that live, on all machines.",
    select(func.count())
    .select_from(Process)
    .where(text(ALIVE).bindparams(bindparam("lease", callable_=lambda: settings.LEASE_SECONDS)))
    .scalar_subquery(),
)


class Presence:
    """The heartbeat of this process; `id` marks what it claims, `others` counts the other live processes.

    Each time it was taken for dead a new `term` begins: what it claimed in an earlier one may be another's by now.
    """

    def __init__(self) -> None:
        self.id = secrets.randbits(62)
        self.others = 0
        self.term = 0
        self._alive_until = 0.0
        self._task: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        """Whether the others still take this process for alive: only then may it use what it claimed."""
        return asyncio.get_running_loop().time() < self._alive_until

    async def beat(self) -> None:
        """Tell the others that this process lives."""
        began = asyncio.get_running_loop().time()
        async with async_session() as session, session.begin():
            self.others = await session.scalar(_BEAT, {"id": self.id, "lease": settings.LEASE_SECONDS}) or 0
        if not self.alive:
            self.term += 1
        self._alive_until = began + settings.LEASE_SECONDS * 0.75

    async def take_duty(self, name: str) -> bool:
        """Take a duty that one process at a time may have; True while it is this one's."""
        async with async_session() as session, session.begin():
            parameters = {"name": name, "id": self.id, "lease": settings.LEASE_SECONDS}
            return await session.scalar(_TAKE_DUTY, parameters) is not None

    def start(self) -> None:
        """Beat from now on, in the background."""
        self._task = asyncio.create_task(self._beat_on(), name="presence")

    async def stop(self) -> None:
        """Give back whatever this process holds; at once free for the others."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        try:
            async with async_session() as session, session.begin():
                await session.execute(_LEAVE, {"id": self.id})
        except Exception as error:  # the database may be gone first: then the lease ends by itself
            logger.warning("Claims could not be given back, they end with the lease: %s", type(error).__name__)

    async def _beat_on(self) -> None:
        while True:
            try:
                await self.beat()
            except Exception as error:
                logger.warning("No heartbeat: the database does not answer (%s)", type(error).__name__)
            await asyncio.sleep(settings.LEASE_SECONDS / 5)
