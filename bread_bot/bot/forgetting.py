"""What was counted about people and learnt from them goes, when they say so.

A table with `info={"forget": True}` and the columns chat_id and member_id holds such things.
"""

from collections.abc import Collection

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    SQLColumnExpression,
    Table,
    any_,
    bindparam,
    cast,
    delete,
    exists,
    func,
    literal,
    select,
    text,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from bread_bot.bot.models import Chat, ChatToMember, FailedUpdate, Member
from bread_bot.bot.models.chat import chat_columns
from bread_bot.main.database.base import Base

_CHAT_OF_AN_UPDATE = (text("'$.*.chat.id'"), text("'$.*.message.chat.id'"))  # of a message, of a button's message


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


async def forget_chats(session: AsyncSession, chat_ids: Collection[int]) -> None:
    """Delete chats with all that belongs to them, and people who are known from nowhere else."""
    await session.execute(select(Chat.id).where(_among(Chat.id, chat_ids)).with_for_update())
    await session.execute(delete(FailedUpdate).where(_happened_in(chat_ids)))
    await session.execute(delete(Member).where(_known_only_from(chat_ids)))
    await session.execute(delete(Chat).where(_among(Chat.id, chat_ids)))


async def count_rows(session: AsyncSession, chat_ids: Collection[int]) -> dict[str, int]:
    """How many rows of which tables `forget_chats` would delete."""
    conditions: list[tuple[Table, ColumnElement[bool]]] = [
        (table, _among(column, chat_ids)) for table, column in chat_columns()
    ]
    conditions += [
        (Base.metadata.tables[FailedUpdate.__tablename__], _happened_in(chat_ids)),
        (Base.metadata.tables[Member.__tablename__], _known_only_from(chat_ids)),
    ]
    counts = (
        select(literal(table.name).label("name"), func.count().label("number")).select_from(table).where(condition)
        for table, condition in conditions
    )
    return {name: number for name, number in await session.execute(union_all(*counts)) if number}


def _among(column: SQLColumnExpression[int], chat_ids: Collection[int]) -> ColumnElement[bool]:
    return column == any_(bindparam(None, list(chat_ids), ARRAY(BigInteger)))


def _happened_in(chat_ids: Collection[int]) -> ColumnElement[bool]:
    found = func.coalesce(*(func.jsonb_path_query_first(FailedUpdate.body, path) for path in _CHAT_OF_AN_UPDATE))
    return _among(cast(found, BigInteger), chat_ids)


def _known_only_from(chat_ids: Collection[int]) -> ColumnElement[bool]:
    bond = ChatToMember.member_id == Member.id
    there = exists().where(bond, _among(ChatToMember.chat_id, chat_ids))
    return there & ~exists().where(bond, ~_among(ChatToMember.chat_id, chat_ids))


def _tables() -> list[Table]:
    return [table for table in Base.metadata.sorted_tables if table.info.get("forget")]
