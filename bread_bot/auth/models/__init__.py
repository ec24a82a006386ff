"""Users of the admin API, and failed attempts to sign in."""

import secrets
from datetime import datetime

from sqlalchemy import Index, Integer, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from bread_bot.main.database.base import Base
from bread_bot.main.database.mixins import BaseModel, CRUDMixin


def new_stamp() -> str:
    """A value that nobody can guess."""
    return secrets.token_urlsafe(16)


class User(BaseModel, CRUDMixin):
    """Somebody who may sign in; a token holds only as long as `token_stamp` stays what it was."""

    __tablename__ = "user"
    __table_args__ = (Index("uq_user_username", func.lower(text("username")), unique=True),)

    username: Mapped[str] = mapped_column(Text)
    email: Mapped[str | None] = mapped_column(Text)
    password_hash: Mapped[str] = mapped_column(Text)
    is_admin: Mapped[bool] = mapped_column(server_default=text("false"))
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    token_stamp: Mapped[str] = mapped_column(Text, default=new_stamp)


class SignInFailure(Base):
    """How often signing in has failed in a row, by the bucket that a user name or an address falls into."""

    __tablename__ = "sign_in_failure"

    bucket: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    failures: Mapped[int] = mapped_column(server_default=text("0"))
    last_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
