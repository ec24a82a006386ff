"""Chats, members, and what binds them."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Date, ForeignKey, Index, Table, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from bread_bot.main.database.base import Base
from bread_bot.main.database.mixins import CRUDMixin, TimestampMixin


def chat_id_column(**options: Any) -> Mapped[int]:
    """The column of a table that belongs to a chat: it follows the chat to its new id, and goes with it."""
    reference = ForeignKey("chat.id", onupdate="CASCADE", ondelete="CASCADE")
    return mapped_column(BigInteger, reference, **options)


def chat_columns() -> Iterator[tuple[Table, Column[Any]]]:
    """The columns of all apps' tables that refer to a chat, each table after those that it refers to."""
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            if any(key.column is Chat.__table__.c.id for key in column.foreign_keys):
                yield table, column


def member_id_column(**options: Any) -> Mapped[int]:
    """The column of a table that belongs to a member, and goes with the member."""
    return mapped_column(BigInteger, ForeignKey("member.id", ondelete="CASCADE"), **options)


class Chat(TimestampMixin, CRUDMixin, Base):
    """A private chat or a group; `id` is Telegram's, `settings` holds what is switched here (see switches.py)."""

    __tablename__ = "chat"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    type: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text, server_default="")
    username: Mapped[str | None] = mapped_column(Text)
    settings: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    left_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    administrators_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Member(TimestampMixin, CRUDMixin, Base):
    """A person; `id` is Telegram's."""

    __tablename__ = "member"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    first_name: Mapped[str] = mapped_column(Text, server_default="")
    last_name: Mapped[str | None] = mapped_column(Text)
    username: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (Index("ix_member_username", func.lower(text("username"))),)


class ChatToMember(CRUDMixin, Base):
    """The bond of a member and a chat: seen at `seen_at`, gone since `left_at`, not counted once forgotten."""

    __tablename__ = "chat_to_member"

    chat_id: Mapped[int] = chat_id_column(primary_key=True)
    member_id: Mapped[int] = member_id_column(primary_key=True, index=True)
    is_administrator: Mapped[bool] = mapped_column(server_default=text("false"))
    is_forgotten: Mapped[bool] = mapped_column(server_default=text("false"))
    seen_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    left_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Activity(CRUDMixin, Base):
    """How much a member did in a chat on one day (UTC)."""

    __tablename__ = "activity"
    __table_args__ = {"info": {"merge": "sum", "forget": True}}

    chat_id: Mapped[int] = chat_id_column(primary_key=True)
    member_id: Mapped[int] = member_id_column(primary_key=True, index=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True, index=True)
    wrote: Mapped[int] = mapped_column(server_default=text("0"))
    edited: Mapped[int] = mapped_column(server_default=text("0"))
    voices: Mapped[int] = mapped_column(server_default=text("0"))
    asked: Mapped[int] = mapped_column(server_default=text("0"))
    taught: Mapped[int] = mapped_column(server_default=text("0"))
