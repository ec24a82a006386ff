"""Updates that were handled, set aside or put off, and answers on their way out."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, LargeBinary, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from bread_bot.bot.models.chat import chat_id_column
from bread_bot.main.database.base import Base
from bread_bot.main.database.mixins import BaseModel, CRUDMixin


class HandledUpdate(CRUDMixin, Base):
    """The mark that an update is done with, and in `outcome` what came of it: the memory of «почему».

    `command` names the command it called. `outcome` is what the answering or silent handler noted, as JSON.
    """

    __tablename__ = "handled_update"
    __table_args__ = (Index("ix_handled_update_message", "chat_id", "message_id"),)

    bot_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    update_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    chat_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("chat.id", onupdate="CASCADE", ondelete="CASCADE")
    )
    message_id: Mapped[int | None] = mapped_column(BigInteger)
    command: Mapped[str | None] = mapped_column(Text)
    outcome: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    handled_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now(), index=True)


class FailedUpdate(BaseModel, CRUDMixin):
    """An update that a bug keeps from being handled; from `set_aside_at` on it is not tried again by itself."""

    __tablename__ = "failed_update"
    __table_args__ = (Index("uq_failed_update_bot_id_update_id", "bot_id", "update_id", unique=True),)

    bot_id: Mapped[int] = mapped_column(BigInteger)
    update_id: Mapped[int] = mapped_column(BigInteger)
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    error: Mapped[str] = mapped_column(Text, server_default="")
    set_aside_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Process(Base):
    """A running server process; its claims hold while `seen_at` is younger than LEASE_SECONDS."""

    __tablename__ = "process"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    seen_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class Singleton(Base):
    """A duty that one process at a time may have, such as polling."""

    __tablename__ = "singleton"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    owner: Mapped[int | None] = mapped_column(BigInteger)
    value: Mapped[str | None] = mapped_column(Text)


class OutboxMessage(CRUDMixin, Base):
    """One call of the Bot API that is to be made, in the order of `id` within its chat.

    `state` is waiting, sent, dead (Telegram refused it, see `error`) or dropped (the bot has left the chat).
    `about` names the key whose value is sent, `content` is a file to upload, `message_id` is what Telegram gave it.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_waiting", "chat_id", "id", postgresql_where=text("state = 'waiting'")),
        Index("ix_outbox_message", "chat_id", "message_id", postgresql_where=text("message_id IS NOT NULL")),
        Index("ix_outbox_dead", "id", postgresql_where=text("state = 'dead'")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    chat_id: Mapped[int] = chat_id_column()
    method: Mapped[str] = mapped_column(Text)
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    content: Mapped[bytes | None] = mapped_column(LargeBinary)
    about: Mapped[str | None] = mapped_column(Text)
    update_id: Mapped[int | None] = mapped_column(BigInteger)
    idempotency_key: Mapped[str | None] = mapped_column(Text, unique=True)
    traceparent: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default="waiting")
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    error: Mapped[str | None] = mapped_column(Text)
    message_id: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    done_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class OutboxLane(Base):
    """The queue of one chat: how many answers wait, who sends them, from when on, and the times of the last ones."""

    __tablename__ = "outbox_lane"
    __table_args__ = (
        Index("ix_outbox_lane_waiting", "chat_id", postgresql_where=text("waiting > 0")),
        {"info": {"merge": "sum"}},
    )

    chat_id: Mapped[int] = chat_id_column(primary_key=True)
    waiting: Mapped[int] = mapped_column(server_default=text("0"))
    owner: Mapped[int | None] = mapped_column(BigInteger)
    resume_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    sent: Mapped[list[datetime]] = mapped_column(ARRAY(DateTime(timezone=True)), server_default=text("'{}'"))


class Deferred(Base):
    """A command that needs the outside: it runs after the update's commit, and again after a crash."""

    __tablename__ = "deferred"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    chat_id: Mapped[int] = chat_id_column(index=True)
    update_id: Mapped[int] = mapped_column(BigInteger)
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    owner: Mapped[int | None] = mapped_column(BigInteger)
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    resume_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    traceparent: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
