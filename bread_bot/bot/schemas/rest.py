"""What the admin API takes and gives."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Row(BaseModel):
    """Base of what is read from a table."""

    model_config = ConfigDict(from_attributes=True)


class ChatRow(Row):
    """A chat that the bot knows."""

    id: int = Field(description="Telegram's id", examples=[-1001234567890])
    type: str = Field(description="private, group or supergroup", examples=["supergroup"])
    title: str = Field(description="The group's title, or the person's name", examples=["Пекарня"])
    username: str | None = Field(description="The public name", examples=["bakery"])
    settings: dict[str, Any] = Field(description="What is switched here", examples=[{"chance": 50}])
    left_at: datetime | None = Field(description="Since when the bot can't write there", examples=[None])
    created_at: datetime = Field(description="When the bot saw it first", examples=["2026-01-01T00:00:00Z"])


class MemberRow(Row):
    """A person whom the bot has seen."""

    id: int = Field(description="Telegram's id", examples=[123456789])
    first_name: str = Field(description="The first name", examples=["Анна"])
    last_name: str | None = Field(description="The last name", examples=["Мукомол"])
    username: str | None = Field(description="The public name", examples=["anna"])
    created_at: datetime = Field(description="When the bot saw them first", examples=["2026-01-01T00:00:00Z"])


class AdministratorRow(MemberRow):
    """A person who manages a chat."""


class Message(BaseModel):
    """A message to send."""

    model_config = ConfigDict(extra="forbid")

    chat_id: int = Field(description="The chat's id", examples=[-1001234567890])
    text: str = Field(min_length=1, max_length=100_000, description="What to say", examples=["Всем хлеба!"])


class Queued(BaseModel):
    """A message that is on its way."""

    ids: list[int] = Field(description="The numbers of its parts in the outbox", examples=[[1]])


class OutboxRow(Row):
    """An answer that waits, or that Telegram has refused."""

    id: int = Field(description="Its number", examples=[1])
    chat_id: int = Field(description="The chat", examples=[-1001234567890])
    method: str = Field(description="The method of the Bot API", examples=["sendMessage"])
    payload: dict[str, Any] = Field(description="What is sent", examples=[{"text": "Медвед"}])
    state: str = Field(description="waiting, sent, dead or dropped", examples=["dead"])
    attempts: int = Field(description="How often it was tried in vain", examples=[0])
    error: str | None = Field(description="Why it is dead", examples=["Bad Request: chat not found"])
    created_at: datetime = Field(description="When it was written", examples=["2026-01-01T00:00:00Z"])


class FailedUpdateRow(Row):
    """An update that a bug keeps from being handled."""

    id: int = Field(description="Its number here", examples=[1])
    update_id: int = Field(description="Telegram's number", examples=[987654])
    attempts: int = Field(description="How often it was tried", examples=[5])
    error: str = Field(description="The trace of the last failure", examples=["Traceback ..."])
    set_aside_at: datetime | None = Field(description="Since when it is not tried any more", examples=[None])
    body: dict[str, Any] = Field(description="The update", examples=[{"update_id": 987654}])
