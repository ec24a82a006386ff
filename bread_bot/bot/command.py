"""Commands, listeners and buttons: declared where they live, collected into one table at the door."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import cleandoc
from typing import Any, Protocol, TypeVar

from bread_bot.bot.answers import Reply
from bread_bot.bot.arguments import Signature, read_signature
from bread_bot.main.settings import settings

Handler = Callable[..., Awaitable[Reply]]
H = TypeVar("H", bound=Callable[..., Any])

_MARK = "__bread_bot__"
_SLASH = re.compile(r"[a-z][a-z0-9_]{0,31}")


class DeclarationError(Exception):
    """An app declares something that can't work; the text says what and where."""


@dataclass(frozen=True, slots=True)
class Command:
    """What a member can order by a word."""

    handler: Handler
    aliases: tuple[str, ...]
    slash: str
    examples: tuple[str, ...]
    signature: Signature
    deferred: bool
    module: str

    @property
    def name(self) -> str:
        """The first alias, which stands for the command in help and in memory."""
        return self.aliases[0]

    @property
    def help(self) -> str:
        """What it does, in Russian: the handler's docstring."""
        return cleandoc(self.handler.__doc__ or "")

    @property
    def summary(self) -> str:
        """The first line of its help."""
        return self.help.partition("\n")[0]

    @property
    def shown_examples(self) -> tuple[str, ...]:
        """Its examples, with the name that the bot bears here."""
        return tuple(one.replace("Хлеб", settings.BOT_NAME, 1) for one in self.examples)

    @property
    def place(self) -> str:
        """Where it is declared."""
        return f"{self.module}.{self.handler.__name__}"


@dataclass(frozen=True, slots=True)
class Listener:
    """What looks at every message that is no command; the first listener that answers is the last one asked."""

    handler: Handler
    order: int
    edited: bool
    module: str

    @property
    def name(self) -> str:
        """What it is called in traces and in the memory of «почему»."""
        return self.handler.__name__


@dataclass(frozen=True, slots=True)
class ButtonHandler:
    """What a press on the buttons whose data begins with `word` calls."""

    handler: Handler
    word: str
    module: str


@dataclass(frozen=True, slots=True)
class Preparation:
    """What reads, for all messages of a unit of work in one statement, something its listeners will need."""

    handler: Callable[..., Awaitable[None]]
    module: str


def command(*aliases: str, slash: str, examples: Iterable[str], deferred: bool = False) -> Callable[[H], H]:
    """Declare a command: `async def handler(context, ...) -> Reply`, its docstring is its help.

    `slash` is its Latin name in Telegram's menu. `deferred` commands wait for something outside: they run after the
    update's commit, in their own time.

    :raises DeclarationError: a docstring, an alias, an example or a readable parameter is missing
    """

    def declare(handler: H) -> H:
        place = f"{handler.__module__}.{handler.__qualname__}"
        if not handler.__doc__:
            raise DeclarationError(f"{place} has no docstring: it is the command's help")
        if not aliases:
            raise DeclarationError(f"{place} has no alias")
        if not _SLASH.fullmatch(slash):
            raise DeclarationError(f"{place}: slash name {slash!r} must be Latin: a-z, 0-9, _")
        if not (shown := tuple(examples)):
            raise DeclarationError(f"{place} has no examples")
        try:
            signature = read_signature(handler)
        except TypeError as error:
            raise DeclarationError(str(error)) from None
        mark = Command(handler, aliases, slash, shown, signature, deferred, handler.__module__)
        setattr(handler, _MARK, mark)
        return handler

    return declare


def listener(*, order: int = 100, edited: bool = False) -> Callable[[H], H]:
    """Declare a listener: `async def handler(context) -> Reply`, asked in the order of `order`, then of APP_MODULES.

    `edited` ones listen to edited messages instead of new ones.
    """

    def declare(handler: H) -> H:
        setattr(handler, _MARK, Listener(handler, order, edited, handler.__module__))
        return handler

    return declare


def button(word: str) -> Callable[[H], H]:
    """Declare what buttons do: `async def handler(context, rest)`, where their data is `word` or `word rest`."""

    def declare(handler: H) -> H:
        setattr(handler, _MARK, ButtonHandler(handler, word, handler.__module__))
        return handler

    return declare


def preparation(handler: H) -> H:
    """Declare a preparation: `async def handler(session, contexts)`, called once for all messages of a unit of work."""
    setattr(handler, _MARK, Preparation(handler, handler.__module__))
    return handler


class Declaring(Protocol):
    """A module that may hold declarations."""

    __name__: str


@dataclass(slots=True)
class CommandTable:
    """All that the apps declare, and how a text finds its command."""

    commands: list[Command] = field(default_factory=list)
    listeners: list[Listener] = field(default_factory=list)
    preparations: list[Preparation] = field(default_factory=list)
    buttons: dict[str, ButtonHandler] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    _by_alias: dict[str, Command] = field(default_factory=dict)
    _by_slash: dict[str, Command] = field(default_factory=dict)
    _alias: re.Pattern[str] = field(default=re.compile(r"(?!)"))

    @classmethod
    def collect(cls, modules: Sequence[Declaring], titles: Mapping[str, str]) -> "CommandTable":
        """Collect what the modules declare; `titles` names the apps, by package.

        :raises DeclarationError: an alias, a slash name or a button's word is declared twice
        """
        table = cls(titles=dict(titles))
        for module in modules:
            for value in vars(module).values():
                mark = getattr(value, _MARK, None)
                if mark is not None and mark.module == module.__name__:
                    table._add(mark)
        table.listeners.sort(key=lambda one: one.order)
        longest_first = sorted(table._by_alias, key=len, reverse=True)
        pattern = "|".join(_alias_pattern(alias) for alias in longest_first)
        table._alias = re.compile(rf"({pattern or '(?!)'})(?!\w)[:,]?\s*", re.IGNORECASE)
        return table

    def find(self, text: str) -> tuple[Command, str, str] | None:
        """Find the command that a text orders: the longest alias that it begins with.

        :return: the command, the alias as normalised, and the argument
        """
        match = self._alias.match(text)
        if match is None:
            return None
        alias = normal_alias(match[1])
        return self._by_alias[alias], alias, text[match.end() :].rstrip()

    def find_slash(self, name: str) -> Command | None:
        """Find the command with a Latin name."""
        return self._by_slash.get(name.lower())

    def named(self, alias: str) -> Command | None:
        """Find the command that has an alias or a slash name."""
        return self._by_alias.get(normal_alias(alias)) or self._by_slash.get(alias.strip().lstrip("/").lower())

    def title(self, one: Command) -> str:
        """The title of the app that a command belongs to."""
        return next(title for app, title in self.titles.items() if one.module.startswith(f"{app}."))

    def _add(self, mark: Command | Listener | ButtonHandler | Preparation) -> None:
        if isinstance(mark, Listener):
            self.listeners.append(mark)
        elif isinstance(mark, Preparation):
            self.preparations.append(mark)
        elif isinstance(mark, ButtonHandler):
            self._claim(self.buttons, mark.word, mark, "button")
        else:
            self.commands.append(mark)
            for alias in mark.aliases:
                self._claim(self._by_alias, normal_alias(alias), mark, "alias")
            self._claim(self._by_slash, mark.slash, mark, "slash name")

    @staticmethod
    def _claim(names: dict[str, Any], name: str, mark: Command | ButtonHandler, what: str) -> None:
        other = names.setdefault(name, mark)
        if other is not mark:
            places = [f"{one.module}.{one.handler.__name__}" for one in (other, mark)]
            raise DeclarationError(f"the {what} {name!r} is declared twice: by {places[0]} and by {places[1]}")


def normal_alias(alias: str) -> str:
    """An alias as it is compared: without case, ё as е, runs of white space as one blank."""
    return " ".join(alias.lower().replace("ё", "е").split())


def _alias_pattern(alias: str) -> str:
    return r"\s+".join(re.escape(word).replace("е", "[её]") for word in alias.split())
