"""A group becomes a supergroup: everything that belongs to it moves to the new id."""

from sqlalchemy import Integer, Table, UniqueConstraint, and_, delete, exists, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from bread_bot.bot.models import Chat
from bread_bot.bot.models.chat import chat_columns


async def renumber(session: AsyncSession, old: int, new: int) -> None:
    """Move a chat to a new id, within the session's transaction; also when both are known, and any number of times.

    Tables that belong to a chat refer to it, so the reference itself carries most of them. Where both ids have rows
    already, the old one's join the new one's: equal rows are kept once, the numbers of tables marked `merge: sum` are
    added up.
    """
    if old == new:
        return
    known = {
        chat.id: chat for chat in await session.scalars(select(Chat).where(Chat.id.in_([old, new])).with_for_update())
    }
    if old not in known:
        return
    if new not in known:
        await session.execute(update(Chat).where(Chat.id == old).values(id=new, type="supergroup", left_at=None))
        return
    # the supergroup is only just known: what was set in the group is what its people mean
    settings = known[new].settings | known[old].settings
    for table, column in chat_columns():
        await _move(session, table, column.name, old, new)
    await session.execute(delete(Chat).where(Chat.id == old))
    await session.execute(update(Chat).where(Chat.id == new).values(settings=settings, left_at=None))
    session.expire_all()


async def _move(session: AsyncSession, table: Table, name: str, old: int, new: int) -> None:
    column = table.c[name]
    if table.info.get("merge") == "sum":
        key = [one.name for one in table.primary_key]
        numbers = [
            one.name
            for one in table.columns
            if isinstance(one.type, Integer) and one.name not in key and not one.nullable
        ]
        moved = select(*[(column + (new - old)).label(name) if one is column else one for one in table.columns])
        statement = insert(table).from_select(list(table.columns.keys()), moved.where(column == old))
        sums = {number: table.c[number] + statement.excluded[number] for number in numbers}
        await session.execute(statement.on_conflict_do_update(index_elements=key, set_=sums))
        await session.execute(delete(table).where(column == old))
        return
    twin = table.alias()
    keys = [set(table.primary_key.columns.keys())]
    keys += [set(one.columns.keys()) for one in table.constraints if isinstance(one, UniqueConstraint)]
    keys += [set(one.columns.keys()) for one in table.indexes if one.unique]
    taken = [
        exists().where(and_(twin.c[name] == new, *(twin.c[one] == table.c[one] for one in key - {name})))
        for key in keys
        if name in key
    ]
    await session.execute(update(table).where(column == old, *(~one for one in taken)).values({name: new}))
