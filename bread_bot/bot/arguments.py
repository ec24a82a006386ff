"""The words after a command become the parameters of its handler, each read by its type."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Protocol, Self, Union, get_args, get_origin, get_type_hints, runtime_checkable

from bread_bot.bot.errors import UsageError
from bread_bot.utils.text import drop_closing, normalize, split_list

_FIRST_WORD = re.compile(r"(\S+)\s*(.*)", re.DOTALL)


@runtime_checkable
class Readable(Protocol):
    """A parameter type of one's own: `read` makes a value of the words, or raises UsageError saying what is wrong.

    `form` is how help spells it.
    """

    form: str

    @classmethod
    def read(cls, text: str) -> Self:
        """Read the value."""


class Percent(int):
    """A whole number from 0 to 100; a percent sign may follow it."""

    form = "0–100"

    @classmethod
    def read(cls, text: str) -> Self:
        """Read the number."""
        number = text.strip().removesuffix("%").strip()
        if not (number.isdecimal() and number.isascii() and len(number) <= 3 and int(number) <= 100):
            raise UsageError("Нужно целое число от 0 до 100.")
        return cls(number)


@dataclass(frozen=True, slots=True)
class Pair:
    """A key and a value with `=` between them; the first `=` parts them, both are trimmed."""

    key: str
    value: str
    form = "ключ=значение"

    @classmethod
    def read(cls, text: str) -> Self:
        """Read both."""
        key, sign, value = text.partition("=")
        if not sign:
            raise UsageError("Нужен знак «=» между ключом и значением.")
        if not key.strip():
            raise UsageError("Перед «=» нужен ключ.")
        if not value.strip():
            raise UsageError("После «=» нужно значение.")
        return cls(key.strip(), value.strip())


class Question(str):
    """The rest of the words without the closing sign of the whole, for commands that repeat it."""

    form = "текст"

    @classmethod
    def read(cls, text: str) -> Self:
        """Read the words."""
        words = drop_closing(text)
        if not words:
            raise UsageError("Тут не хватает слов.")
        return cls(words)


class Choice(list[str]):
    """A list to choose from: the closing sign of the whole is dropped."""

    form = "а, б или в"

    @classmethod
    def read(cls, text: str) -> Self:
        """Read the items."""
        items = split_list(drop_closing(text))
        if not items:
            raise UsageError("Тут не из чего выбирать.")
        return cls(items)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a handler, ready to be read."""

    name: str
    form: str
    read: Callable[[str], Any]
    optional: bool
    is_word: bool


@dataclass(frozen=True, slots=True)
class Signature:
    """What a handler takes besides its context; the last parameter takes all that is left."""

    parameters: tuple[Parameter, ...]

    @property
    def form(self) -> str:
        """How help spells the arguments: optional ones in brackets."""
        return " ".join(f"[{one.form}]" if one.optional else one.form for one in self.parameters)

    def read(self, argument: str) -> Mapping[str, Any]:
        """Read the words after the command.

        :raises UsageError: something is missing, left over, or not of its type
        """
        values: dict[str, Any] = {}
        rest = argument.strip()
        if all(one.optional for one in self.parameters) and not drop_closing(rest):
            rest = ""  # the sign of «Хлеб монетка!» closes the command itself
        for position, parameter in enumerate(self.parameters):
            is_last = position == len(self.parameters) - 1
            if not rest:
                if not parameter.optional:
                    raise UsageError(f"Не хватает слов: {self.form}.")
                continue
            if is_last:
                taken, rest = rest, ""
            else:
                taken, rest = _FIRST_WORD.fullmatch(rest).groups()  # type: ignore[union-attr]  # rest is not empty
            values[parameter.name] = parameter.read(taken)
        if rest:
            raise UsageError("Этой команде больше ничего говорить не надо.")
        return values


def read_signature(handler: Callable[..., Any]) -> Signature:
    """Read what a handler takes, once, when it is declared.

    :raises TypeError: a parameter is not annotated, or of a type nobody can read
    """
    hints = get_type_hints(handler)
    declared = list(inspect.signature(handler).parameters.values())[1:]
    parameters = []
    for parameter in declared:
        if parameter.name not in hints:
            raise TypeError(f"{handler.__qualname__}: parameter {parameter.name} has no annotation")
        kind, nullable = _without_none(hints[parameter.name])
        optional = nullable or parameter.default is not inspect.Parameter.empty
        form, read, is_word = _reader(kind, f"{handler.__qualname__}: parameter {parameter.name}")
        parameters.append(Parameter(parameter.name, form, read, optional, is_word))
    return Signature(tuple(parameters))


def _without_none(kind: Any) -> tuple[Any, bool]:
    if get_origin(kind) in (Union, UnionType):
        rest = [one for one in get_args(kind) if one is not NoneType]
        if len(rest) == 1:
            return rest[0], True
    return kind, False


def _reader(kind: Any, where: str) -> tuple[str, Callable[[str], Any], bool]:
    if isinstance(kind, type) and isinstance(kind, Readable):
        return kind.form, kind.read, False
    if kind is str:
        return "текст", str.strip, False
    if kind is int:
        return "число", _read_int, True
    if get_origin(kind) is list and get_args(kind) == (str,):
        return "а, б, в", split_list, False
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return "|".join(kind), lambda text: _read_word(kind, text), True
    raise TypeError(f"{where} is of a type that arguments.py can't read: {kind}")


def _read_int(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,9}", text.strip()):
        raise UsageError("Нужно целое число.")
    return int(text)


def _read_word(words: type[StrEnum], text: str) -> StrEnum:
    word = normalize(text)
    for one in words:
        if word == one.value:
            return one
    raise UsageError("Нужно одно из слов: {}.".format(", ".join(words)))
