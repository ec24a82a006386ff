"""What has happened in the sandbox's Telegram, so that it outlives the server."""

from typing import Any

from sqlalchemy import BigInteger, LargeBinary, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from bread_bot.main.database.base import Base
from bread_bot.main.database.mixins import BaseModel, CRUDMixin


class SandboxEvent(CRUDMixin, Base):
    """One thing that happened; the sandbox's whole state is what its events add up to."""

    __tablename__ = "sandbox_event"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    value: Mapped[dict[str, Any]] = mapped_column(JSONB)


class SandboxFile(BaseModel, CRUDMixin):
    """A medium that somebody sent."""

    __tablename__ = "sandbox_file"

    name: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    mime: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(Text)
    content: Mapped[bytes] = mapped_column(LargeBinary)
