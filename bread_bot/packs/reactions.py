"""The four ways in which the bot reacts with something it was taught."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from bread_bot.bot.arguments import Pair
from bread_bot.bot.errors import UsageError
from bread_bot.utils.text import normalize


class Reaction(StrEnum):
    """When a taught value is said; the words are those that members use for it."""

    TRIGGER = "trigger"
    SUBSTRING = "substring"
    FALLBACK = "fallback"
    INSULT = "insult"

    @property
    def has_key(self) -> bool:
        """Whether it needs a key to fire."""
        return self in (Reaction.TRIGGER, Reaction.SUBSTRING)

    @property
    def words(self) -> tuple[str, ...]:
        """How members call it; the first is its name, the last its plural."""
        return _WORDS[self]

    @classmethod
    def named(cls, word: str) -> Self | None:
        """The reaction that a word means."""
        return next((one for one in cls if normalize(word) in one.words), None)


_WORDS = {
    Reaction.TRIGGER: ("триггер", "триггеры"),
    Reaction.SUBSTRING: ("подстрока", "подстроку", "подстроки"),
    Reaction.FALLBACK: ("ответ", "ответы"),
    Reaction.INSULT: ("оскорбление", "оскорбления"),
}
FORM = "триггер|подстроку|ответ|оскорбление"


def read_reaction(text: str) -> tuple[Reaction, str]:
    """Read the word for a reaction; the rest stays as it is.

    :raises UsageError: another word stands there
    """
    word, *rest = text.split(None, 1)
    reaction = Reaction.named(word)
    if reaction is None:
        raise UsageError(f"Не понял, что такое «{word}»: есть триггер, подстрока, ответ и оскорбление.")
    return reaction, rest[0] if rest else ""


@dataclass(frozen=True, slots=True)
class Kind:
    """The name of a reaction alone, for commands that show."""

    reaction: Reaction
    form = "триггеры|подстроки|ответы|оскорбления"

    @classmethod
    def read(cls, text: str) -> Self:
        """Read the word."""
        reaction, rest = read_reaction(text)
        if rest:
            raise UsageError(f"После «{text.split()[0]}» ничего говорить не надо.")
        return cls(reaction)


@dataclass(frozen=True, slots=True)
class Lesson:
    """Something to teach: a reaction, its key where it has one, and a text."""

    reaction: Reaction
    key: str
    value: str
    form = "триггер|подстроку ключ=значение, ответ|оскорбление текст"

    @classmethod
    def read(cls, text: str) -> Self:
        """Read all of it."""
        reaction, rest = read_reaction(text)
        if reaction.has_key:
            pair = Pair.read(rest)
            return cls(reaction, pair.key, pair.value)
        if not rest.strip():
            raise UsageError(f"После «{text.split()[0]}» нужен текст.")
        return cls(reaction, "", rest.strip())


@dataclass(frozen=True, slots=True)
class Deletion:
    """What to delete: a reaction, and the words after it (a key, `ключ=значение`, or a text)."""

    reaction: Reaction
    what: str
    form = "триггер|подстроку ключ или ключ=значение, ответ|оскорбление текст"

    @classmethod
    def read(cls, text: str) -> Self:
        """Read all of it."""
        reaction, rest = read_reaction(text)
        return cls(reaction, rest.strip())
