"""What was counted about people and learnt from them goes, when they say so.

A table with `info={"forget": True}` and the columns chat_id and member_id holds such things.
"""

from sqlalchemy import Table, delete, update
from sqlalchemy.ext.asyncio import AsyncSession

from bread_bot.bot.models import ChatToMember
from bread_bot.main.database.base import Base


async def forget_member(session: AsyncSession, chat_id: int, member_id: int) -> None:
    """Delete all about a member in a chat, and keep nothing new from now on."""
    for table in _tables():
        await session.execute(delete(table).where(table.c.chat_id == chat_id, table.c.member_id == member_id))
    await session.execute(
        update(ChatToMember)
        .where(ChatToMember.chat_id == chat_id, ChatToMember.member_id == member_id)
        .values(is_forgotten=True)
    )


async def forget_everybody(session: AsyncSession, chat_id: int) -> None:
    """Delete all about everybody in a chat; counting and learning go on from there."""
    for table in _tables():
        await session.execute(delete(table).where(table.c.chat_id == chat_id))


def _tables() -> list[Table]:
    return [table for table in Base.metadata.sorted_tables if table.info.get("forget")]
