"""When a message speaks to the bot."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_SLASH = re.compile(r"\s*/([A-Za-z][A-Za-z0-9_]*)(?:@([A-Za-z0-9_]+))?(?=\s|$)\s*")


@dataclass(frozen=True, slots=True)
class SlashCall:
    """A text that begins with a slash name: the name, and the words after it."""

    name: str
    rest: str


class Address:
    """The bot's names, ready to be looked for at the beginning of texts."""

    def __init__(self, names: Iterable[str], username: str | None) -> None:
        self.names = [name.strip() for name in names if name.strip()]
        self.username = username
        handles = [f"@{username}"] if username else []
        longest_first = sorted({*self.names, *handles}, key=len, reverse=True)
        spelled = "|".join(_spelled(name) for name in longest_first) or "(?!)"
        self._name = re.compile(rf"\s*(?:{spelled})(?=$|[\s,.:;!?—-])[,.:;!?—-]*\s*(?:[—-]+\s+)?", re.IGNORECASE)

    def called(self, text: str) -> str | None:
        """What follows the bot's name at the beginning of a text; None when it does not begin with a name."""
        match = self._name.match(text)
        return text[match.end() :].rstrip() if match else None

    def slash(self, text: str) -> SlashCall | None:
        """The slash command that a text begins with; None when there is none, or it is for another bot."""
        match = _SLASH.match(text)
        if match is None:
            return None
        if match[2] is not None and match[2].lower() != (self.username or "").lower():
            return None
        return SlashCall(match[1], text[match.end() :].rstrip())


def _spelled(name: str) -> str:
    words = (re.sub("[её]", "[её]", re.escape(word.lower())) for word in name.split())
    return r"\s+".join(words)
