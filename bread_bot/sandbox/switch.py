"""Switches the sandbox on, before the application is built."""

from pydantic import SecretStr

from bread_bot.main.settings import settings

# The address is never looked up: the sandbox's own transport answers for it.
SANDBOX_URL = "https://sandbox.invalid"
SANDBOX_TOKEN = "1000:no-token-no-secret"


def switch_on() -> None:
    """Point the settings at the sandbox's Telegram, in one process, reachable from this machine only."""
    settings.TELEGRAM_BOT_TOKEN = SecretStr(SANDBOX_TOKEN)
    settings.TELEGRAM_API_URL = f"{SANDBOX_URL}/sandbox/api"
    settings.WEBHOOK_URL = SANDBOX_URL
    settings.HOST = settings.HOST or "127.0.0.1"
    settings.WORKERS_COUNT = 1
    settings.APP_MODULES = ["bread_bot.sandbox", *settings.APP_MODULES]  # the network first, then who uses it
