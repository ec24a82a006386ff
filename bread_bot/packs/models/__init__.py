"""The pack of a chat: one table for all that is taught, one to find it by, one to take changes back."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from bread_bot.bot.models.chat import chat_id_column
from bread_bot.main.database.base import Base
from bread_bot.main.database.mixins import BaseModel, CRUDMixin


class Taught(BaseModel, CRUDMixin):
    """One value of one key.

    `key` is as it was taught, `normal_key` as it is compared. `value` is a text or a file_id. `key_digest` stands for
    reaction and key, `digest` for the value, too: keys and values are too long for an index.
    """

    __tablename__ = "taught"
    __table_args__ = (
        UniqueConstraint("chat_id", "digest"),
        CheckConstraint("reaction IN ('trigger', 'substring', 'fallback', 'insult')", name="reaction"),
        Index("ix_taught_key", "chat_id", "key_digest"),
        Index("ix_taught_file", "chat_id", "file_unique_id", postgresql_where=text("file_unique_id <> ''")),
        Index("ix_taught_reaction", "chat_id", "reaction"),
    )

    chat_id: Mapped[int] = chat_id_column()
    reaction: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text, server_default="")
    normal_key: Mapped[str] = mapped_column(Text, server_default="")
    kind: Mapped[str] = mapped_column(Text, server_default="text")
    value: Mapped[str] = mapped_column(Text)
    caption: Mapped[str | None] = mapped_column(Text)
    file_unique_id: Mapped[str] = mapped_column(Text, server_default="")
    author_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("member.id", ondelete="SET NULL"), index=True)
    key_digest: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(Text)


class Cue(Base):
    """What in a message leads to a key: the whole text, a run of words, or the dictionary form of a word.

    It is compared byte by byte: by a language's rules a message would take three times as long.
    """

    __tablename__ = "cue"

    chat_id: Mapped[int] = chat_id_column(primary_key=True)
    cue: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    key_digest: Mapped[str] = mapped_column(Text, primary_key=True)

    __table_args__ = (Index("ix_cue_key", "chat_id", "key_digest"),)


class PackChange(Base):
    """A change of a pack that «отмени» takes back: the ids that were added, and the rows that were deleted."""

    __tablename__ = "pack_change"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    chat_id: Mapped[int] = chat_id_column(index=True)
    command: Mapped[str] = mapped_column(Text)
    added: Mapped[list[int]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
    deleted: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
