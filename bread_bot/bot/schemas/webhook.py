"""What Telegram knows of the bot's webhook."""

from datetime import datetime

from pydantic import BaseModel


class WebhookInfo(BaseModel):
    """Telegram's WebhookInfo: `url` is empty where none is set, the error is that of the last failed delivery."""

    url: str
    pending_update_count: int
    last_error_date: datetime | None = None
    last_error_message: str | None = None
    allowed_updates: list[str] = []
    max_connections: int | None = None
    ip_address: str | None = None
