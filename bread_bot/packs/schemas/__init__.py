"""What the admin API takes and gives of a pack."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from bread_bot.packs.reactions import Reaction

KindName = Literal["text", "voice", "photo", "sticker", "animation", "video", "video_note", "audio", "document"]
Key = Annotated[
    str, Field(max_length=4096, description="The key; empty for fallbacks and insults", examples=["Привет"])
]
Value = Annotated[
    str, Field(min_length=1, max_length=16384, description="The text or the file_id", examples=["Медвед"])
]


class TaughtRow(BaseModel):
    """A taught value."""

    model_config = ConfigDict(from_attributes=True)

    id: int = Field(description="The number", examples=[1])
    chat_id: int = Field(description="The chat", examples=[-1001234567890])
    reaction: Reaction = Field(description="When it is said", examples=["trigger"])
    key: Key
    kind: str = Field(description="text, voice, photo …", examples=["text"])
    value: Value
    caption: str | None = Field(description="The caption of a medium", examples=[None])
    author_id: int | None = Field(description="Who taught it", examples=[123456789])
    created_at: datetime = Field(description="When it was taught", examples=["2026-01-01T00:00:00Z"])


class NewTaught(BaseModel):
    """A value to teach."""

    model_config = ConfigDict(extra="forbid")

    reaction: Reaction = Field(description="When it is to be said", examples=["trigger"])
    key: Key = ""
    kind: KindName = Field("text", description="What it is", examples=["text"])
    value: Value
    caption: str | None = Field(None, max_length=4096, description="The caption of a medium", examples=[None])


class TaughtChange(BaseModel):
    """What to change of a value; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    key: Key | None = Field(None, description="Another key", examples=["Здравствуй"])
    value: Value | None = Field(None, description="Another text or file_id", examples=["И тебе не хворать"])
    caption: str | None = Field(None, max_length=4096, description="The caption of a medium", examples=[None])
