"""What is old is thrown away, in small batches that keep nobody waiting."""

import asyncio
import logging
from contextlib import suppress

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from bread_bot.main.database.base import async_session
from bread_bot.main.settings import settings

logger = logging.getLogger(__name__)

BATCH = 1000
_EVERY = 300.0

_OLD = (
    text("""
        DELETE FROM handled_update WHERE (bot_id, update_id) IN (
            SELECT bot_id, update_id FROM handled_update
            WHERE handled_at < now() - make_interval(hours => :hours) LIMIT :batch FOR UPDATE SKIP LOCKED)
        """),
    text("""
        DELETE FROM outbox WHERE id IN (
            SELECT id FROM outbox WHERE state IN ('sent', 'dropped')
            AND done_at < now() - make_interval(hours => :hours) LIMIT :batch FOR UPDATE SKIP LOCKED)
        """),
    # one that succeeded after all: Telegram tries for a day
    text("""
        DELETE FROM failed_update WHERE id IN (
            SELECT id FROM failed_update WHERE set_aside_at IS NULL
            AND created_at < now() - make_interval(hours => :hours) LIMIT :batch FOR UPDATE SKIP LOCKED)
        """),
)


async def clean_up(session: AsyncSession) -> int:
    """Throw away one batch of each kind of old rows, and commit; the number of rows gone."""
    gone = 0
    for statement in _OLD:
        result = await session.execute(statement, {"hours": settings.HANDLED_HOURS, "batch": BATCH})
        gone += result.rowcount  # type: ignore[attr-defined]  # a DELETE counts its rows
        await session.commit()
    return gone


class Janitor:
    """Cleans up every few minutes."""

    def start(self) -> None:
        """Begin in the background."""
        self._task = asyncio.create_task(self._clean_on(), name="janitor")

    async def stop(self) -> None:
        """Stop at once: what is left is old tomorrow, too."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _clean_on(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            try:
                async with async_session() as session:
                    while await clean_up(session) >= BATCH:
                        await asyncio.sleep(0.1)
            except Exception as error:
                logger.warning("Old rows could not be thrown away: %s", type(error).__name__)
