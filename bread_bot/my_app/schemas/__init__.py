"""What the example's routes take and give."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bread_bot.utils.text import clean

ChatId = Annotated[int, Field(ge=-(2**63), le=2**63 - 1, description="The chat", examples=[-1001234567890])]
Text = Annotated[str, Field(description="What is noted", examples=["Купить дрожжи"])]


class NewNote(BaseModel):
    """A note to keep."""

    model_config = ConfigDict(extra="forbid")

    chat_id: ChatId
    text: Annotated[Text, AfterValidator(clean), Field(min_length=1, max_length=4096)]


class NoteRow(BaseModel):
    """A note."""

    model_config = ConfigDict(from_attributes=True)

    id: int = Field(description="The number", examples=[1])
    chat_id: ChatId
    text: Text
    created_at: datetime = Field(description="When it was noted", examples=["2026-01-01T00:00:00Z"])
