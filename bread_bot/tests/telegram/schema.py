"""What the official Bot API, as data, says of calls and objects: is this one what Telegram would take or send?"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

Json = dict[str, Any]

API_FILE = Path(__file__).parents[1] / "data" / "telegram-bot-api.json"
ARRAY = "Array of "
PRIMITIVES = ("Integer", "Float", "String", "Boolean", "InputFile")
PARSE_MODES = ("HTML", "Markdown", "MarkdownV2")

_SPAN = re.compile(r"(?<!ISO )(?<![\w-])(?:between )?(\d+)(?:-| and )(\d+)\b(?!-)")
_LENGTH = re.compile(r"\b(\d+)-(\d+) (characters|bytes)", re.IGNORECASE)
_AT_MOST = re.compile(r"[Aa]t most (\d+) |[Uu]p to (\d+) (?:items|identifiers|winners)")
_CONSTANT = re.compile(r'always "([^"]+)"|must be (\w+)$')
_CHOICES = re.compile(r'(?:[Oo]ne of|[Ee]ither|[Cc]an be|type,) (?=")((?:[^.;]|\.(?=\w))*)')
_ACTIONS = re.compile(r"\b([a-z_]+) (?:or ([a-z_]+) )?for\b")
_INSTEAD_OF = re.compile(r"can be specified instead of (\w+)")
_UNLESS = re.compile(r"[Rr]equired if (\w+)(?: and (\w+))? (?:is not|are not|isn't) specified")
_ONLY_FOR = re.compile(r'For "(\w+)" only')
_TOGETHER = re.compile(r"Can't be used together with (\w+)")
_ONE_OF_OTHERS = re.compile(r"(Exactly|At most) one of the fields other than ([\w, ]+) must be used")
_ONE_OF_THESE = re.compile(r"(Exactly|At most) one of the fields (\w+) or (\w+) must be used")
_ONE_OPTIONAL = re.compile(r"(exactly|at most) one of the optional fields", re.IGNORECASE)
_CHARSETS = {
    "Can contain only lowercase English letters, digits and underscores": re.compile(r"[a-z0-9_]*"),
    "nly characters A-Z, a-z, 0-9, _ and - are allowed": re.compile(r"[A-Za-z0-9_-]*"),
    "only A-Z, a-z, 0-9, _ and - are allowed": re.compile(r"[A-Za-z0-9_-]*"),
}
_NEEDLESS_DETAILS = ("language", "date_time_format")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with a multipart call."""

    name: str
    content: bytes
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """From `low` to `high`: characters (UTF-16 units) or bytes of a string, items of an array, or the number itself."""

    low: int
    high: int
    unit: str


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter of a method or a field of an object, with what its description asks for."""

    name: str
    types: tuple[str, ...]
    required: bool
    description: str
    limits: Limits | None = None
    choices: tuple[str, ...] = ()
    constant: str | None = None
    charset: re.Pattern[str] | None = None
    instead_of: str | None = None
    required_unless: tuple[str, ...] = ()
    not_with: str | None = None
    only_for: str | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """A method or a type: its fields, or the types of which it is one; `one_of` fields exclude each other."""

    name: str
    fields: Mapping[str, Field]
    required: tuple[str, ...]
    subtypes: tuple[str, ...] = ()
    returns: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    needs_one: bool = False


@dataclass(frozen=True, slots=True)
class Api:
    """All methods and types."""

    methods: Mapping[str, Shape]
    types: Mapping[str, Shape]

    @property
    def update_kinds(self) -> tuple[str, ...]:
        """message, edited_message, ...: what an update can be."""
        return self.types["Update"].one_of


@cache
def api() -> Api:
    """The Bot API, read once."""
    data = json.loads(API_FILE.read_text(encoding="utf-8"))
    return Api(
        {name: _shape(one) for name, one in data["methods"].items()},
        {name: _shape(one) for name, one in data["types"].items()},
    )


def check_call(method: str, params: Mapping[str, Any], files: Collection[str] = ()) -> list[str]:
    """What is wrong with a call, as Telegram would see it, one line each; nothing is fine.

    :param params: JSON values; a file sent in place is an Upload
    :param files: names of the other uploaded files, for attach://name
    """
    shape = api().methods.get(method)
    if shape is None:
        return [f"{method}: there is no such method"]
    check = _Check(strict=True, files=files)
    check.fields(shape, params, method)
    check.special(method, params)
    return check.problems


def check_object(type_name: str, value: Any) -> list[str]:
    """What is wrong with an object that Telegram sends, one line each; nothing is fine."""
    check = _Check(strict=False)
    check.typed(type_name, value, type_name)
    return check.problems


def check_result(method: str, value: Any) -> list[str]:
    """What is wrong with the result of a method, one line each; nothing is fine."""
    check = _Check(strict=False)
    check.any_of(api().methods[method].returns, value, f"{method}()")
    return check.problems


def read_form(method: str, form: Mapping[str, str]) -> Json:
    """The parameters in a form or a query: numbers, booleans and JSON are read where the method asks for them.

    What can't be read stays a string, so that check_call finds it.
    """
    shape = api().methods.get(method)
    fields = shape.fields if shape else {}
    return {name: _read_text(fields[name], text) if name in fields else text for name, text in form.items()}


def smallest(type_name: str) -> Any:
    """A value of a type with no more than it must have."""
    if type_name.startswith(ARRAY):
        return [smallest(type_name.removeprefix(ARRAY))]
    if type_name in PRIMITIVES:
        return {"Integer": 1, "Float": 1.0, "String": "x", "Boolean": True}.get(type_name, Upload("x", b"x"))
    shape = api().types[type_name]
    return smallest(shape.subtypes[0]) if shape.subtypes else smallest_fields(shape)


def smallest_fields(shape: Shape) -> Json:
    """The fields that an object must have, or the parameters that a method must get."""
    names = list(shape.required)
    if shape.needs_one and not set(names) & set(shape.one_of):
        names.append(shape.one_of[0])
    for field in shape.fields.values():
        if field.required_unless and not set(field.required_unless) & set(names):
            names.append(field.name)
    return {name: smallest_value(shape.fields[name]) for name in names}


def smallest_value(field: Field) -> Any:
    """A value of a field with no more than it must have."""
    if field.constant is not None:
        return field.constant
    if field.choices:
        return field.choices[0]
    value = smallest(field.types[0])
    if field.limits is not None:
        if field.limits.unit == "items":
            return value * max(1, field.limits.low)
        return max(1, field.limits.low) if field.limits.unit == "value" else "x" * max(1, field.limits.low)
    return value


def utf16_units(text: str) -> int:
    """The length of a text as Telegram counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


# ---- reading the data


def _shape(one: Mapping[str, Any]) -> Shape:
    fields = {each["name"]: _field(each, "subtype_of" in one) for each in one.get("fields", ())}
    needs_one, one_of = _one_of(" ".join(one["description"]), fields)
    return Shape(
        name=one["name"],
        fields=fields,
        required=tuple(name for name, field in fields.items() if field.required),
        subtypes=tuple(one.get("subtypes", ())),
        returns=tuple(one.get("returns", ())),
        one_of=one_of,
        needs_one=needs_one,
    )


def _one_of(description: str, fields: Mapping[str, Field]) -> tuple[bool, tuple[str, ...]]:
    if found := _ONE_OF_OTHERS.search(description):
        others = set(re.split(r"\W+(?:and )?", found[2]))
        names = tuple(name for name in fields if name not in others)
    elif found := _ONE_OF_THESE.search(description):
        names = found[2], found[3]
    elif found := _ONE_OPTIONAL.search(description):
        names = tuple(name for name, field in fields.items() if not field.required)
    else:
        return False, ()
    return found[1].lower() == "exactly", names


def _field(one: Mapping[str, Any], is_of_subtype: bool) -> Field:
    description, types = one["description"], tuple(one["types"])
    constant = _CONSTANT.search(description) if is_of_subtype and types == ("String",) else None
    instead_of, not_with = _INSTEAD_OF.search(description), _TOGETHER.search(description)
    only_for, unless = _ONLY_FOR.search(description), _UNLESS.search(description)
    return Field(
        name=one["name"],
        types=types,
        required=one["required"],
        description=description,
        limits=_limits(types, description),
        choices=_choices(description) if types == ("String",) else (),
        constant=(constant[1] or constant[2]) if constant else None,
        charset=next((charset for words, charset in _CHARSETS.items() if words in description), None),
        instead_of=instead_of[1] if instead_of else None,
        required_unless=tuple(name for name in unless.groups() if name) if unless else (),
        not_with=not_with[1] if not_with else None,
        only_for=only_for[1] if only_for else None,
    )


def _limits(types: tuple[str, ...], description: str) -> Limits | None:
    if types == ("String",):
        found = _LENGTH.search(description)
        return Limits(int(found[1]), int(found[2]), found[3].lower()) if found else None
    spans = [(int(low), int(high)) for low, high in _SPAN.findall(description)]
    if types[0].startswith(ARRAY):
        if spans:
            return Limits(*spans[0], "items")
        if most := _AT_MOST.search(description):
            return Limits(0, int(most[1] or most[2]), "items")
    elif types[0] in ("Integer", "Float") and len(types) == 1 and spans and "0x" not in description:
        return Limits(min(low for low, _ in spans), max(high for _, high in spans), "value")
    return None


def _choices(description: str) -> tuple[str, ...]:
    if description.startswith("Type of action"):
        return tuple(word for pair in _ACTIONS.findall(description.partition(":")[2]) for word in pair if word)
    found = _CHOICES.search(re.sub(r" ?\([^)]*\)", "", description))
    return tuple(dict.fromkeys(re.findall(r'"([^"]+)"', found[1]))) if found else ()


def _read_text(field: Field, text: str) -> Any:
    if "Integer" in field.types and re.fullmatch(r"-?\d{1,19}", text):
        return int(text)
    if "Boolean" in field.types and text.lower() in ("true", "false", "1", "0"):
        return text.lower() in ("true", "1")
    if "String" in field.types or "InputFile" in field.types:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


# ---- checking


class _Check:
    """One pass over a value; strict where it is about to be sent to Telegram."""

    def __init__(self, strict: bool, files: Collection[str] = ()) -> None:
        self.problems: list[str] = []
        self._strict = strict
        self._files = files

    def fields(self, shape: Shape, value: Mapping[str, Any], path: str) -> None:
        for name in shape.required:
            if name not in value:
                self.problems.append(f"{path}.{name}: is missing")
        for name, one in value.items():
            field = shape.fields.get(name)
            if field is None:
                self.problems.append(f"{path}.{name}: there is no such field")
            else:
                self._field(field, one, f"{path}.{name}")
        if shape.one_of:
            given = [name for name in shape.one_of if name in value]
            if len(given) > 1:
                self.problems.append(f"{path}: {', '.join(given)} exclude each other")
            elif shape.needs_one and not given:
                self.problems.append(f"{path}: one of {', '.join(shape.one_of)} is missing")
        if self._strict:
            self._relations(shape, value, path)

    def _field(self, field: Field, value: Any, path: str) -> None:
        before = len(self.problems)
        self.any_of(field.types, value, path)
        if len(self.problems) > before or isinstance(value, Upload):
            return
        if field.constant is not None and value != field.constant:
            self.problems.append(f"{path}: must be {field.constant!r}, not {value!r}")
        elif field.choices and value not in field.choices:
            self.problems.append(f"{path}: {value!r} is none of {', '.join(field.choices)}")
        if field.charset is not None and not field.charset.fullmatch(value):
            self.problems.append(f"{path}: {value!r} has other characters than {field.charset.pattern}")
        if (limits := field.limits) is not None:
            size = _size(value, limits.unit)
            if not limits.low <= size <= limits.high:
                self.problems.append(f"{path}: {limits.low}-{limits.high} {limits.unit}, not {size}")

    def any_of(self, types: tuple[str, ...], value: Any, path: str) -> None:
        """One of several types: the problems are those of the type that comes nearest."""
        if len(types) == 1:
            self.typed(types[0], value, path)
            return
        if isinstance(value, list) and all(name.startswith(ARRAY) for name in types):
            items = tuple(name.removeprefix(ARRAY) for name in types)
            for number, item in enumerate(value):
                self.any_of(_likely(items, item), item, f"{path}[{number}]")
            return
        nearest: list[str] | None = None
        for type_name in types:
            outer, self.problems = self.problems, []
            self.typed(type_name, value, path)
            found, self.problems = self.problems, outer
            if not found:
                return
            if nearest is None or _distance(found) < _distance(nearest):
                nearest = found
        self.problems += nearest or ()

    def typed(self, type_name: str, value: Any, path: str) -> None:
        if type_name.startswith(ARRAY):
            if not isinstance(value, list):
                self.problems.append(f"{path}: must be an array, not {_shown(value)}")
                return
            item_type = type_name.removeprefix(ARRAY)
            for number, item in enumerate(value):
                self.typed(item_type, item, f"{path}[{number}]")
        elif type_name in PRIMITIVES:
            self._primitive(type_name, value, path)
        else:
            shape = api().types[type_name]
            if shape.subtypes:
                self.any_of(_likely(shape.subtypes, value), value, path)
            elif not isinstance(value, dict):
                self.problems.append(f"{path}: must be {type_name}, not {_shown(value)}")
            else:
                self.fields(shape, value, path)

    def _primitive(self, type_name: str, value: Any, path: str) -> None:
        if type_name == "InputFile":
            is_right = isinstance(value, Upload)
        elif type_name == "Boolean":
            is_right = isinstance(value, bool)
        elif type_name == "Integer":
            is_right = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63
        elif type_name == "Float":
            is_right = isinstance(value, int | float) and not isinstance(value, bool)
        else:
            is_right = isinstance(value, str)
            if is_right and self._strict:
                self._text(value, path)
        if not is_right:
            self.problems.append(f"{path}: must be {type_name}, not {_shown(value)}")

    def _text(self, text: str, path: str) -> None:
        if "\0" in text:
            self.problems.append(f"{path}: has a NUL")
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            self.problems.append(f"{path}: has a lone surrogate")
        if text.startswith("attach://") and text.removeprefix("attach://") not in self._files:
            self.problems.append(f"{path}: {text} is not among the uploaded files")

    def _relations(self, shape: Shape, value: Mapping[str, Any], path: str) -> None:
        """What fields ask of each other."""
        for field in shape.fields.values():
            is_given = field.name in value
            if field.required_unless and not is_given and not all(name in value for name in field.required_unless):
                self.problems.append(f"{path}.{field.name}: is missing, as {' and '.join(field.required_unless)}")
            if is_given and field.instead_of in value:
                self.problems.append(f"{path}.{field.name}: stands beside {field.instead_of}")
            if is_given and field.not_with in value:
                self.problems.append(f"{path}.{field.name}: stands beside {field.not_with}")
            if field.only_for is not None and is_given != (value.get("type") == field.only_for):
                if is_given or field.name not in _NEEDLESS_DETAILS:
                    verb = "is only for" if is_given else "is missing in"
                    self.problems.append(f"{path}.{field.name}: {verb} {field.only_for}")
            if field.types == (f"{ARRAY}MessageEntity",) and isinstance(value.get(field.name), list):
                about = field.name.removesuffix("entities").removesuffix("_")
                text = value.get(about or next(name for name in ("text", "message_text") if name in shape.fields))
                self._entities(value[field.name], text, f"{path}.{field.name}")
            if is_given and field.name.endswith("parse_mode") and value[field.name] not in PARSE_MODES:
                self.problems.append(f"{path}.{field.name}: {value[field.name]!r} is none of {', '.join(PARSE_MODES)}")

    def _entities(self, entities: list[Any], text: Any, path: str) -> None:
        units = utf16_units(text) if isinstance(text, str) else 0
        cuts = set(_inner_offsets(text)) if isinstance(text, str) else set()
        for number, entity in enumerate(entities):
            if not isinstance(entity, dict):
                continue
            offset, length = entity.get("offset"), entity.get("length")
            if not isinstance(offset, int) or not isinstance(length, int):
                continue
            if offset < 0 or length < 1 or offset + length > units:
                self.problems.append(f"{path}[{number}]: {offset}+{length} is outside of a text of {units} units")
            elif {offset, offset + length} & cuts:
                self.problems.append(f"{path}[{number}]: {offset}+{length} cuts a character in two")

    def special(self, method: str, params: Mapping[str, Any]) -> None:
        """What Telegram asks for besides: in no field's description, or not in words that can be read."""
        text = params.get("text")
        if isinstance(text, str) and not text.strip() and (limits := api().methods[method].fields["text"].limits):
            if limits.low > 0:
                self.problems.append(f"{method}.text: has nothing but white space")
        kinds = params.get("allowed_updates")
        if isinstance(kinds, list):
            for kind in kinds:
                if kind not in api().update_kinds:
                    self.problems.append(f"{method}.allowed_updates: there is no update {kind!r}")
        if method == "setWebhook" and params.get("url") and not str(params["url"]).startswith("https://"):
            self.problems.append("setWebhook.url: must be an HTTPS URL")
        if method == "setMyCommands" and isinstance(params.get("commands"), list):
            if not params["commands"]:
                self.problems.append("setMyCommands.commands: is empty")
            names = [one.get("command") for one in params["commands"] if isinstance(one, dict)]
            if doubled := {name for name in names if names.count(name) > 1}:
                self.problems.append(f"setMyCommands.commands: {', '.join(map(str, sorted(doubled, key=str)))} twice")
        if method == "getUpdates" and isinstance(params.get("timeout"), int) and params["timeout"] < 0:
            self.problems.append("getUpdates.timeout: must not be negative")


def _size(value: Any, unit: str) -> float:
    if unit == "value":
        return float(value)
    if unit == "bytes":
        return len(value.encode("utf-8", "surrogatepass"))
    return utf16_units(value) if unit == "characters" else len(value)


def _distance(problems: list[str]) -> tuple[int, bool]:
    """How far a value is from a type: not to be of it at all is farthest."""
    return len(problems), ": must be " in problems[0]


def _likely(subtypes: tuple[str, ...], value: Any) -> tuple[str, ...]:
    """Those of the types whose constant field says so; all of them where none does."""
    if not isinstance(value, dict):
        return subtypes
    constants = _constants(subtypes)
    said = (name for name, (field, constant) in constants.items() if value.get(field) == constant)
    return tuple(said) or subtypes


@cache
def _constants(subtypes: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    """The field by which each of the types is told from the others, and its value there."""
    return {
        name: (field.name, field.constant)
        for name in subtypes
        if name in api().types
        for field in api().types[name].fields.values()
        if field.constant is not None
    }


def _inner_offsets(text: str) -> Iterator[int]:
    """The offsets, in UTF-16 units, that lie inside a character."""
    offset = 0
    for letter in text:
        if ord(letter) > 0xFFFF:
            yield offset + 1
            offset += 1
        offset += 1


def _shown(value: Any) -> str:
    return f"{type(value).__name__} {value!r:.60}"
