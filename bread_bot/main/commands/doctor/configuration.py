"""Settings and apps."""

import os
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from dotenv import dotenv_values

from bread_bot.bot.command import DeclarationError
from bread_bot.main import apps
from bread_bot.main.commands.doctor.findings import Check, fail, ok, warn
from bread_bot.main.settings import BASE_DIR, settings
from bread_bot.main.settings.default import ENCODING, LOCAL_SECRET_KEY, Settings

_LIKE_IN_FILE, _LIKE_IN_ENVIRONMENT = 0.7, 0.88  # the environment has many names that are nobody's mistake
_OTHERS = frozenset({"ADMIN_PASSWORD", "FORWARDED_ALLOW_IPS", "TZ"})  # a command's, uvicorn's, the system's


async def check_settings(env_file: Path = BASE_DIR / ".env") -> Check:
    """Whether they are the operator's own, and spelt right; their values were checked when they were read."""
    topic = "settings"
    written = set(dotenv_values(env_file, encoding=ENCODING, interpolate=False)) if env_file.exists() else set()
    known = [name for name in Settings.model_fields if name in written or name in os.environ]
    place = f"{env_file} and the environment" if written else "the environment"
    yield ok(topic, f"ENV={settings.ENV}, {len(known)} set in {place}")
    for name in sorted(written - set(Settings.model_fields) - _OTHERS):
        meant = _alike(name, _LIKE_IN_FILE)
        advice = f"Did you mean {meant}?" if meant else "Remove it, unless another program reads it"
        yield warn(topic, f"{env_file.name} sets {name}, which is no setting", advice)
    for name in _upper(os.environ):
        if meant := _alike(name, _LIKE_IN_ENVIRONMENT):
            yield warn(topic, f"the environment sets {name}, which is no setting", f"Did you mean {meant}?")
    if settings.SECRET_KEY.get_secret_value() == LOCAL_SECRET_KEY:
        said = "SECRET_KEY is the one that everybody knows, so anybody can sign in as admin"
        advice = "Set SECRET_KEY to what `openssl rand -hex 32` gives, and ENV=PRODUCTION"
        if settings.WEBHOOK_URL is not None:
            yield fail(topic, f"{said}, and the server is public", advice)
        elif settings.TELEGRAM_BOT_TOKEN is not None:
            yield warn(topic, f"{said} who reaches port {settings.PORT}", advice)


async def check_apps() -> Check:
    """Whether the apps of APP_MODULES can be used together."""
    try:
        number = len(apps.commands().commands)
    except (apps.AppError, DeclarationError) as error:
        yield fail("apps", str(error), "The server does not start: correct APP_MODULES")
    else:
        yield ok("apps", f"{len(settings.APP_MODULES)} apps with {number} commands")


def _upper(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name.isupper() and name not in Settings.model_fields)


def _alike(name: str, cutoff: float) -> str | None:
    return next(iter(get_close_matches(name.upper(), Settings.model_fields, 1, cutoff)), None)
