"""The token, the webhook's secret and SECRET_KEY show nowhere, whatever fails."""

import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from bread_bot.main.settings import Connection, settings
from bread_bot.tests.auth.people import create_admin, sign_in
from bread_bot.tests.talk import Talk
from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.fake import FAILURES, TOKEN, BotAPI
from bread_bot.utils.json_logger import configure_logging

KEY = "a-secret-key-that-nobody-should-read"
SECRET = "the-webhook-secret-of-this-test"


@pytest.fixture(autouse=True)
def own_secrets(test_settings: pytest.MonkeyPatch) -> None:
    """Secrets that can be looked for."""
    test_settings.setattr(settings, "SECRET_KEY", SecretStr(KEY))
    test_settings.setattr(settings, "WEBHOOK_SECRET", SecretStr(SECRET))
    test_settings.setattr(settings, "AUTO_MASK_LOGS", False)
    test_settings.setattr(settings, "LOG_LEVEL", "DEBUG")
    test_settings.setattr(settings, "DEBUG", True)


async def test_the_log_tells_no_secret(
    application: FastAPI,
    database: Connection,
    bot_api: BotAPI,
    talk: Talk,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Everything is logged, every call of Telegram fails in every way, and somebody types the token."""
    configure_logging()
    for how in FAILURES:
        if how not in ("hang", "late answer", "migrated"):
            bot_api.fail("getChatMember", how)
            with pytest.raises(Exception) as caught:
                await talk.app.state.telegram.call("getChatMember", {"chat_id": 1, "user_id": 1})
            assert TOKEN not in str(caught.value) + repr(caught.value)
    await create_admin()
    await sign_in(talk.client, "admin")
    await talk.client.post("/", json=updates.message(f"Хлеб скажи {TOKEN} {KEY}"))
    await talk.client.post("/", content=TOKEN)
    await talk.settle()
    logged = capsys.readouterr()
    assert len(logged.out) > 1000, "it was logged"
    for secret in (TOKEN, TOKEN.partition(":")[2], KEY, SECRET):
        assert secret not in logged.out + logged.err
    assert TOKEN not in repr(talk.app.state.telegram) + repr(settings)
