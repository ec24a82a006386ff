"""Updates that a bug keeps from being handled: counted, and after MAX_ATTEMPTS set aside, so that the chat goes on."""

import logging
import traceback
from collections.abc import Awaitable, Callable
from enum import Enum, auto

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert

from bread_bot.bot.models import FailedUpdate, HandledUpdate
from bread_bot.bot.schemas.update import Update
from bread_bot.main.database.base import async_session
from bread_bot.main.database.gauges import database_gauge
from bread_bot.main.settings import settings

logger = logging.getLogger(__name__)

database_gauge(
    "bread_bot_updates_set_aside",
    "Updates that a bug kept from being handled, and that wait for an admin.",
    select(func.count()).where(FailedUpdate.set_aside_at.is_not(None)).scalar_subquery(),
)


class Fate(Enum):
    """What becomes of an update that has failed."""

    AGAIN = auto()
    SET_ASIDE_NOW = auto()
    SET_ASIDE_EARLIER = auto()


async def try_again(number: int, handle: Callable[[Update], Awaitable[None]]) -> bool:
    """Handle a failed update once more, unless that is done, and forget it when that succeeds.

    :return: False if there is no such failed update
    :raises Exception: it fails again, and stays
    """
    async with async_session() as session:
        failed = await FailedUpdate.async_get(session, number)
        if failed is None:
            return False
        handled = await HandledUpdate.async_get(session, (failed.bot_id, failed.update_id))
    if handled is None:
        await handle(Update.model_validate(failed.body))
    async with async_session() as session, session.begin():
        await session.execute(delete(FailedUpdate).where(FailedUpdate.id == number))
    return True


class Failures:
    """The table of failed updates."""

    async def count(self, bot_id: int, update: Update, error: Exception) -> Fate:
        """Count one more failure of an update, and keep its trace; the last one allowed sets it aside."""
        trace = "".join(traceback.format_exception(error))[-20_000:]
        body = update.model_dump(mode="json", exclude_none=True)
        statement = insert(FailedUpdate).values(
            bot_id=bot_id,
            update_id=update.update_id,
            body=body,
            attempts=1,
            error=trace,
            set_aside_at=func.now() if settings.MAX_ATTEMPTS <= 1 else None,
        )
        attempts = FailedUpdate.attempts + 1
        statement = statement.on_conflict_do_update(
            index_elements=["bot_id", "update_id"],
            set_={
                "attempts": attempts,
                "error": trace,
                "set_aside_at": func.coalesce(
                    FailedUpdate.set_aside_at,
                    text("CASE WHEN failed_update.attempts + 1 >= :limit THEN now() END").bindparams(
                        limit=settings.MAX_ATTEMPTS
                    ),
                ),
            },
        )
        async with async_session() as session, session.begin():
            is_new = await session.scalar(statement.returning(FailedUpdate.set_aside_at == func.now()))
        if is_new is None:
            return Fate.AGAIN
        if not is_new:
            return Fate.SET_ASIDE_EARLIER
        logger.error("An update is set aside, see /failed_updates", extra={"update_id": update.update_id})
        return Fate.SET_ASIDE_NOW
