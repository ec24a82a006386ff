"""The dictionary of a chat, and what its people say after which words."""

from sqlalchemy import Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from bread_bot.bot.models.chat import chat_id_column, member_id_column
from bread_bot.main.database.base import Base
from bread_bot.main.database.mixins import BaseModel, CRUDMixin


class DictionaryEntry(BaseModel, CRUDMixin):
    """A word or phrase that the bot puts in place of others; `normal` is as it is compared."""

    __tablename__ = "dictionary_entry"

    chat_id: Mapped[int] = chat_id_column()
    entry: Mapped[str] = mapped_column(Text)
    normal: Mapped[str] = mapped_column(Text)

    __table_args__ = (UniqueConstraint("chat_id", "normal"),)


class Transition(Base):
    """How often a member said one word after two others in a chat; what is learnt from a member goes with them."""

    __tablename__ = "transition"
    __table_args__ = {"info": {"merge": "sum", "forget": True}}

    chat_id: Mapped[int] = chat_id_column(primary_key=True)
    member_id: Mapped[int] = member_id_column(primary_key=True, index=True)
    prefix: Mapped[str] = mapped_column(Text, primary_key=True)
    word: Mapped[str] = mapped_column(Text, primary_key=True)
    times: Mapped[int] = mapped_column(server_default=text("1"))
