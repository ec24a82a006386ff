"""What a check finds, and how one that breaks is told."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum

from bread_bot.bot.errors import TelegramError
from bread_bot.main.database.base import is_unavailable
from bread_bot.utils.masking import without_secrets


class Level(StrEnum):
    """How bad a finding is; SKIP: not looked at, because something before it fails."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what it is about, what was found, and what to do."""

    level: Level
    topic: str
    text: str
    advice: str = ""

    def __str__(self) -> str:
        line = f"{self.topic}: {self.text}" + (f". {self.advice}" if self.advice else "")
        return "".join(filter(str.isprintable, line))


Check = AsyncIterator[Finding]


def ok(topic: str, text: str) -> Finding:
    """All is well."""
    return Finding(Level.OK, topic, without_secrets(text))


def warn(topic: str, text: str, advice: str) -> Finding:
    """The bot can work, but not as it might be meant to."""
    return Finding(Level.WARN, topic, without_secrets(text), without_secrets(advice))


def fail(topic: str, text: str, advice: str) -> Finding:
    """The bot can't work."""
    return Finding(Level.FAIL, topic, without_secrets(text), without_secrets(advice))


def skip(topic: str) -> Finding:
    """It is not looked at."""
    return Finding(Level.SKIP, topic, "not looked at: it needs what is missing above")


async def outcome(topic: str, check: Check) -> list[Finding]:
    """All that a check finds, its own failure included: no check keeps the others from being made."""
    found = []
    try:
        async for one in check:
            found.append(one)
    except TelegramError as error:
        found.append(fail(topic, f"Telegram: {error}", "Try again in a minute"))
    except Exception as error:
        if is_unavailable(error):
            found.append(fail(topic, f"the database does not answer: {reason(error)}", "Look at its log"))
        else:
            found.append(fail(topic, f"the check itself fails: {type(error).__name__}", "Please report it"))
    return found


def reason(error: BaseException) -> str:
    """What the driver says of an error, in one line."""
    error = getattr(error, "orig", None) or error
    return " ".join(str(error.__cause__ or error).split())
