"""How people are called: a name never pings anyone."""

from typing import Protocol

INVISIBLE = "\u2060"


class Named(Protocol):
    """Anybody with a name: a Telegram user, or a row of the member table."""

    @property
    def first_name(self) -> str:
        """The first name."""

    @property
    def last_name(self) -> str | None:
        """The last name."""

    @property
    def username(self) -> str | None:
        """The public name."""


def called(person: Named) -> str:
    """First and last name, else @username, so that it pings nobody: a word joiner stands behind every @."""
    full = " ".join(part.strip() for part in (person.first_name, person.last_name) if part and part.strip())
    name = full or (f"@{person.username}" if person.username else "Некто")
    return name.replace("@", f"@{INVISIBLE}")
