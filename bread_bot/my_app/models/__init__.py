"""The table of the example: notes of a chat."""

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from bread_bot.bot.models.chat import chat_id_column
from bread_bot.main.database.mixins import BaseModel, CRUDMixin


class Note(BaseModel, CRUDMixin):
    """Something that a chat wants to keep."""

    __tablename__ = "note"

    chat_id: Mapped[int] = chat_id_column(index=True)
    text: Mapped[str] = mapped_column(Text)
