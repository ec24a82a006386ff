"""What tables have in common: an id, times, and the everyday reading and writing."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self

from sqlalchemy import BigInteger, ColumnExpressionArgument, Identity, Select, func, inspect, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.sql.dml import ReturningInsert

from bread_bot.main.database.base import Base

Condition = ColumnExpressionArgument[bool]
Order = Sequence[Any] | Any


class TimestampMixin:
    """When a row was made and last changed, UTC."""

    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), sort_order=900)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now(), sort_order=901)


class BaseModel(TimestampMixin, Base):
    """The base of most tables: a number that the database gives, and times."""

    __abstract__ = True

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, sort_order=-1)


class CRUDMixin:
    """Everyday reading and writing for a mapped class; it flushes and never commits.

    Each method has a twin for AsyncSession, `async_…`, which runs the same. Rows are in the order of the primary key
    unless `order_by` says otherwise: one column or several.
    """

    @classmethod
    def _select(
        cls, conditions: Sequence[Condition], order_by: Order, limit: int | None = None, offset: int | None = None
    ) -> Select[Self]:
        if order_by is None:
            order_by = inspect(cls, raiseerr=True).primary_key
        columns = order_by if isinstance(order_by, list | tuple) else [order_by]
        return select(cls).where(*conditions).order_by(*columns).limit(limit).offset(offset)

    @classmethod
    def _count(cls, conditions: Sequence[Condition]) -> Select[int]:
        return select(func.count()).select_from(cls).where(*conditions)

    @classmethod
    def _insert_missing(cls, keys: dict[str, Any], defaults: dict[str, Any]) -> ReturningInsert[Self]:
        return insert(cls).values(**defaults, **keys).on_conflict_do_nothing(index_elements=list(keys)).returning(cls)

    @classmethod
    def get(cls, session: Session, key: Any) -> Self | None:
        """The row with this primary key; one of several columns is a tuple."""
        return session.get(cls, key)

    @classmethod
    def first(cls, session: Session, *conditions: Condition, order_by: Order = None) -> Self | None:
        """The first row that fits the conditions."""
        return session.scalars(cls._select(conditions, order_by, limit=1)).first()

    @classmethod
    def filter(
        cls,
        session: Session,
        *conditions: Condition,
        order_by: Order = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> list[Self]:
        """The rows that fit the conditions."""
        return list(session.scalars(cls._select(conditions, order_by, limit, offset)))

    @classmethod
    def all(cls, session: Session, order_by: Order = None) -> list[Self]:
        """All rows."""
        return cls.filter(session, order_by=order_by)

    @classmethod
    def count(cls, session: Session, *conditions: Condition) -> int:
        """How many rows fit the conditions."""
        return session.scalars(cls._count(conditions)).one()

    @classmethod
    def offset_records(
        cls, session: Session, *conditions: Condition, limit: int, offset: int = 0, order_by: Order = None
    ) -> tuple[list[Self], int]:
        """One page of the rows that fit, and how many they are in all."""
        rows = cls.filter(session, *conditions, order_by=order_by, limit=limit, offset=offset)
        return rows, cls.count(session, *conditions)

    @classmethod
    def create(cls, session: Session, /, **values: Any) -> Self:
        """Add a row."""
        row = cls(**values)
        session.add(row)
        session.flush()
        return row

    @classmethod
    def get_or_create(
        cls, session: Session, /, defaults: dict[str, Any] | None = None, **keys: Any
    ) -> tuple[Self, bool]:
        """The row with these values of a unique key, made with `defaults` where there is none; and whether it was made.

        Two at once make one row; the other one gets it.
        """
        conditions = [getattr(cls, name) == value for name, value in keys.items()]
        while True:
            if (found := cls.first(session, *conditions)) is not None:
                return found, False
            if (made := session.scalars(cls._insert_missing(keys, defaults or {})).first()) is not None:
                return made, True

    def update(self, session: Session, /, **values: Any) -> Self:
        """Change columns of this row.

        :raises AttributeError: there is no such column
        """
        for name, value in values.items():
            if name not in inspect(type(self), raiseerr=True).attrs:
                raise AttributeError(f"{type(self).__name__} has no column {name!r}")
            setattr(self, name, value)
        session.flush()
        return self

    def delete(self, session: Session) -> None:
        """Delete this row."""
        session.delete(self)
        session.flush()

    @classmethod
    async def async_get(cls, session: AsyncSession, key: Any) -> Self | None:
        """The row with this primary key; one of several columns is a tuple."""
        return await session.run_sync(cls.get, key)

    @classmethod
    async def async_first(cls, session: AsyncSession, *conditions: Condition, order_by: Order = None) -> Self | None:
        """The first row that fits the conditions."""
        return await session.run_sync(cls.first, *conditions, order_by=order_by)

    @classmethod
    async def async_filter(
        cls,
        session: AsyncSession,
        *conditions: Condition,
        order_by: Order = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> list[Self]:
        """The rows that fit the conditions."""
        return await session.run_sync(cls.filter, *conditions, order_by=order_by, limit=limit, offset=offset)

    @classmethod
    async def async_all(cls, session: AsyncSession, order_by: Order = None) -> list[Self]:
        """All rows."""
        return await session.run_sync(cls.all, order_by)

    @classmethod
    async def async_count(cls, session: AsyncSession, *conditions: Condition) -> int:
        """How many rows fit the conditions."""
        return await session.run_sync(cls.count, *conditions)

    @classmethod
    async def async_offset_records(
        cls, session: AsyncSession, *conditions: Condition, limit: int, offset: int = 0, order_by: Order = None
    ) -> tuple[list[Self], int]:
        """One page of the rows that fit, and how many they are in all."""
        return await session.run_sync(cls.offset_records, *conditions, limit=limit, offset=offset, order_by=order_by)

    @classmethod
    async def async_create(cls, session: AsyncSession, /, **values: Any) -> Self:
        """Add a row."""
        return await session.run_sync(cls.create, **values)

    @classmethod
    async def async_get_or_create(
        cls, session: AsyncSession, /, defaults: dict[str, Any] | None = None, **keys: Any
    ) -> tuple[Self, bool]:
        """The row with these values of a unique key, made with `defaults` where there is none; and whether it was made.

        Two at once make one row; the other one gets it.
        """
        return await session.run_sync(cls.get_or_create, defaults, **keys)

    async def async_update(self, session: AsyncSession, /, **values: Any) -> Self:
        """Change columns of this row.

        :raises AttributeError: there is no such column
        """
        return await session.run_sync(self.update, **values)

    async def async_delete(self, session: AsyncSession) -> None:
        """Delete this row."""
        await session.run_sync(self.delete)
