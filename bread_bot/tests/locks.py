"""Transactions that wait for each other."""

from sqlalchemy import text

from bread_bot.main.database.base import async_session

_WAITING = text("SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")


async def somebody_waits() -> None:
    """Wait until a transaction waits for another one's lock."""
    async with async_session() as session:
        while not (await session.execute(_WAITING)).all():
            await session.rollback()
