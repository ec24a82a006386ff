"""Without a token the server serves, says what is missing, and asks Telegram nothing."""

import pytest
from fastapi import FastAPI

from bread_bot.main.settings import Connection, settings
from bread_bot.tests.telegram.fake import BotAPI


async def test_without_a_token(
    application: FastAPI,
    database: Connection,
    bot_api: BotAPI,
    test_settings: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A newcomer's first start."""
    test_settings.setattr(settings, "TELEGRAM_BOT_TOKEN", None)
    async with application.router.lifespan_context(application):
        assert "TELEGRAM_BOT_TOKEN is not set" in caplog.text
    assert not bot_api.calls
