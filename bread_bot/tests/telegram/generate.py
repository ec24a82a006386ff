"""Random updates of every kind that the Bot API's data allows, odd ones among them; the same for the same seed.

    for update in random_updates(seed=1, count=5000):
        response = await client.post("/", content=encoded(update))
"""

import json
import random
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from bread_bot.tests.telegram.schema import ARRAY, PRIMITIVES, Field, Json, Limits, Shape, api, utf16_units

MAX_ID = (1 << 52) - 1
MAX_DEPTH = 4

_ODD_TEXTS = (
    "", " ", "\n", "\t \r\n", "..", "\0", "а\0б", "\ud800", "\udfff!", "\ude00\ud83d", "😀" * 5, "👨‍👩‍👧‍👦", "🏳️‍🌈", "Ё",
    "שלום עולם", "مرحبا بالعالم", "\u202eткеротаво\u202c", "\u200b", "\ufeff", "\u0130", "ß", "ǅ", "Хлеб", "хлеб, кто?",
    "Хлеб добавь триггер а=б", "Хлеб " + "ё" * 300, "/help", "/who@bread_test_bot x", "@bread_test_bot", "<b>&amp;</b>",
    "*_`[](x)", "';--", "%s%d%n", "{}", "\\", "a=b=c", "=", "и или ,", "-1", "9" * 40, "1e999", "null", "x" * 5000,
)
_LETTERS = "абвгдеёжзийклмнопрстуфхцчшщъыьэюяabcXYZ0123456789 .,!?-=\n🍞🥖"
_NUMBERS = (0, 1, -1, 2, 7, 100, 1 << 31, -(1 << 31), (1 << 32) + 1, MAX_ID)
_ALL_BUT_RARE = 4


def random_updates(seed: int, count: int, kinds: Sequence[str] | None = None) -> Iterator[Json]:
    """So many updates; the kinds (all of them, or those given) and the optional fields of Message take turns."""
    return islice(_Generator(seed).updates(kinds or api().update_kinds), count)


def encoded(update: Json) -> bytes:
    """An update as Telegram sends it, with every character outside of ASCII escaped."""
    return json.dumps(update).encode()


class _Generator:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._update_id = 1_000_000 + seed % 1_000_000 * 100_000
        self._turns: dict[str, int] = {}

    def updates(self, kinds: Sequence[str]) -> Iterator[Json]:
        fields = api().types["Update"].fields
        while True:
            for kind in kinds:
                self._update_id += 1
                yield {"update_id": self._update_id, kind: self._value(fields[kind], 0)}

    def _object(self, shape: Shape, depth: int) -> Json:
        names = list(shape.required)
        optional = [name for name in shape.fields if name not in shape.required and name not in shape.one_of]
        if depth == 0 and optional:
            turn = self._turns[shape.name] = self._turns.get(shape.name, -1) + 1
            names.append(optional[turn % len(optional)])
        if depth < MAX_DEPTH:
            chance = 1 / _ALL_BUT_RARE ** (1 + depth / 2)
            names += [name for name in optional if self._random.random() < chance and name not in names]
        if shape.one_of and (shape.needs_one or self._random.random() < 0.5):
            names.append(self._random.choice(shape.one_of))
        made = {name: self._value(shape.fields[name], depth + 1) for name in names}
        if shape.name == "MessageEntity":
            self._detail(shape, made, depth)
        elif "entities" in made and "text" in made:
            self._fit(made["entities"], made["text"])
        return made

    def _detail(self, shape: Shape, entity: Json, depth: int) -> None:
        """An entity has what its type has, and nothing else."""
        for field in shape.fields.values():
            if field.only_for == entity["type"]:
                entity[field.name] = self._value(field, depth + 1)
            elif field.only_for is not None:
                entity.pop(field.name, None)

    def _value(self, field: Field, depth: int) -> Any:
        if field.constant is not None:
            return field.constant
        if field.choices:
            return self._random.choice(field.choices)
        type_name = self._random.choice(field.types)
        if type_name == "String":
            return self._text(field.limits)
        if type_name == "Integer":
            return self._integer(field)
        if type_name == "Float" and field.limits is not None:
            return self._random.uniform(field.limits.low, field.limits.high)
        return self._typed(type_name, depth, field.limits)

    def _typed(self, type_name: str, depth: int, limits: Limits | None = None) -> Any:
        if type_name.startswith(ARRAY):
            low, high = (limits.low, limits.high) if limits else (0, 3)
            length = self._random.randint(low, max(low, min(high, 3) if depth < MAX_DEPTH else low))
            return [self._typed(type_name.removeprefix(ARRAY), depth) for _ in range(length)]
        if type_name in PRIMITIVES:
            return self._primitive(type_name)
        shape = api().types[type_name]
        if not shape.subtypes:
            return self._object(shape, depth)
        # what holds itself (a rich text, a block) has its plainest form first
        plain = shape.subtypes[0] if depth >= MAX_DEPTH else self._random.choice(shape.subtypes)
        return self._typed(plain, depth + 1)

    def _primitive(self, type_name: str) -> Any:
        if type_name == "Boolean":
            return self._random.random() < 0.8
        if type_name == "Float":
            return self._random.choice((0, 1.5, -90.0, self._random.uniform(-180, 180)))
        return self._random.choice(_NUMBERS) if type_name == "Integer" else self._text(None)

    def _integer(self, field: Field) -> int:
        if field.limits is not None:
            return self._random.randint(field.limits.low, field.limits.high)
        if field.name == "date" or field.name.endswith("_date"):
            return self._random.randint(1, (1 << 31) - 1)
        if field.name in ("offset", "length"):
            return self._random.randint(0, 50)
        if "chat_id" in field.name or field.name in ("id", "user_id"):
            size = self._random.choice((10, 31, 42, 52))
            number = self._random.getrandbits(size) or 1
            return number if "chat" not in field.name or self._random.random() < 0.3 else -number
        if field.name.endswith("_id"):
            return self._random.randint(1, (1 << 31) - 1)
        return self._random.choice(_NUMBERS)

    def _text(self, limits: Limits | None) -> str:
        if self._random.random() < 0.5:
            text = self._random.choice(_ODD_TEXTS)
        else:
            text = "".join(self._random.choices(_LETTERS, k=self._random.randint(1, 40)))
        if limits is None:
            return text
        size = len if limits.unit == "characters" else lambda one: len(one.encode("utf-8", "surrogatepass"))
        text = text[: limits.high]
        while utf16_units(text) > limits.high or size(text) > limits.high:
            text = text[: len(text) // 2]
        return text + "x" * (limits.low - size(text))

    def _fit(self, entities: list[Json], text: str) -> None:
        """Entities stand within their text."""
        units = utf16_units(text)
        entities[:] = entities if units else []
        for entity in entities:
            entity["offset"] = self._random.randrange(units)
            entity["length"] = self._random.randint(1, units - entity["offset"])
