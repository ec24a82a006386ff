"""A chat's pack as a file, that another chat or another bot can learn from.

It is a zip file with three kinds of things in it:

- `pack.json`, an object: `format` is "bread_bot pack", `version` 1; `bot_id` is whose file_ids the values have, `chat`
  the chat's title, `exported_at` an ISO 8601 time; `values` is how many there are, `missing` lists the media whose
  bytes Telegram did not give;
- `values.jsonl`, an object a line, in the order of teaching: `reaction` is trigger, substring, fallback or insult;
  `key` is "" for the last two; `kind` is text, or what the medium is; `value` is the text, or the medium's file_id,
  which is good for that one bot only; `caption` is a text or null; `file_unique_id` is "" for a text; `medium` is the
  medium's name here, null for a text; `author_id` is a user's id or null, `taught_at` an ISO 8601 time;
- `media/<name>.<extension>`, the bytes of every medium that is not missing; the name is mostly its file_unique_id.
"""

import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from hashlib import blake2b
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import IO, Annotated, Any, Literal, Self
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from bread_bot.main.settings import settings
from bread_bot.packs.schemas import NewTaught
from bread_bot.utils.text import clean

FORMAT = "bread_bot pack"
VERSION = 1

_HEAD, _VALUES, _MEDIA = "pack.json", "values.jsonl", "media/"
_NAME = "[A-Za-z0-9_-]{1,128}"
_MEDIUM = re.compile(rf"{_MEDIA}({_NAME})(\.[a-z0-9]{{1,8}})?")
_LONGEST_HEAD = 16_000_000
_LONGEST_LINE = 500_000
_LONGEST_MEDIUM = 50_000_000  # what a bot may upload
_UNPACKED = 64_000_000  # bytes, besides a hundred times the archive's own
_ENCRYPTED = 0x1

Number = Annotated[int, Field(ge=0, lt=2**63)]
Moment = Annotated[AwareDatetime, Field(ge=datetime(1970, 1, 1, tzinfo=UTC), lt=datetime(3000, 1, 1, tzinfo=UTC))]
MediumName = Annotated[str, Field(pattern=f"^{_NAME}$")]


class UnfitArchive(Exception):
    """An archive can't be imported; the text tells why, in one line."""


class Head(BaseModel):
    """What pack.json says."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["bread_bot pack"]
    version: Literal[1]
    bot_id: Number
    chat: str
    exported_at: Moment
    values: Number
    missing: frozenset[MediumName]


class Line(NewTaught):
    """A value, a line of values.jsonl."""

    file_unique_id: str = Field(max_length=256)
    medium: MediumName | None
    author_id: Number | None
    taught_at: Moment

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.reaction.has_key != bool(self.key.strip()):
            raise ValueError(f"{self.reaction} takes {'a' if self.reaction.has_key else 'no'} key")
        if (self.kind == "text") != (self.medium is None) or (self.kind == "text" and self.file_unique_id):
            raise ValueError("a medium has a name, and a text has none")
        if any(clean(text) != text for text in (self.key, self.value, self.caption or "", self.file_unique_id)):
            raise ValueError("there is a character U+0000 in it")
        return self


# ---- reading


class Archive:
    """An archive that is open for reading and is what it should be; `media` are the entries of its media by name."""

    def __init__(self, file: ZipFile, size: int) -> None:
        self._file = file
        self.media: Mapping[str, str] = _checked_media(file, size)
        try:
            self.head = Head.model_validate_json(file.read(_HEAD))
        except ValidationError as error:
            raise UnfitArchive(f"{_HEAD}: {_told(error)}") from None
        if (damaged := file.testzip()) is not None:
            raise UnfitArchive(f"{damaged} is damaged")

    def lines(self) -> Iterator[Line]:
        """The values, one after the other.

        :raises UnfitArchive: one of them is wrong, or there are more or fewer than there should be
        """
        number = 0
        with self._file.open(_VALUES) as packed, BufferedReader(packed) as stream:  # type: ignore[type-var]
            while said := stream.readline(_LONGEST_LINE):
                number += 1
                if number > settings.MAX_KEYS:
                    raise UnfitArchive(f"{_VALUES} has more than MAX_KEYS={settings.MAX_KEYS} values")
                try:
                    line = Line.model_validate_json(said)
                except ValidationError as error:
                    raise UnfitArchive(f"{_VALUES}, line {number}: {_told(error)}") from None
                if line.medium is not None and line.medium not in self.media and line.medium not in self.head.missing:
                    raise UnfitArchive(f"{_VALUES}, line {number}: there is no file {_MEDIA}{line.medium}")
                yield line
        if number != self.head.values:
            raise UnfitArchive(f"{_VALUES} has {number} values, {_HEAD} says {self.head.values}")

    def read(self, name: str) -> tuple[str, bytes]:
        """A medium's file name and bytes."""
        entry = self.media[name]
        return entry.removeprefix(_MEDIA), self._file.read(entry)


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Open an archive.

    :raises UnfitArchive: it can't be read, or is not what it should be
    """
    with ExitStack() as stack:
        try:
            size = path.stat().st_size
            archive = Archive(stack.enter_context(ZipFile(path)), size)
        except OSError as error:
            raise UnfitArchive(f"it can't be read: {error.strerror or error}") from None
        except (BadZipFile, EOFError, NotImplementedError, ValueError, zlib.error) as error:
            raise UnfitArchive(f"it is no whole zip file: {error}") from None
        yield archive


def _checked_media(file: ZipFile, size: int) -> dict[str, str]:
    """The entries of the media by their names, once all entries are found to be harmless."""
    media: dict[str, str] = {}
    seen = set()
    limits = {_HEAD: _LONGEST_HEAD, _VALUES: _UNPACKED + 100 * size, _MEDIA: 0}
    for entry in file.infolist():
        medium = _MEDIUM.fullmatch(entry.filename)
        if medium is None and entry.filename not in limits:
            raise UnfitArchive(f"{entry.filename!r:.100} does not belong there")
        name = medium[1] if medium is not None else entry.filename
        if name in seen:
            raise UnfitArchive(f"{entry.filename} is there twice")
        if entry.flag_bits & _ENCRYPTED or entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise UnfitArchive(f"{entry.filename} is encrypted, or compressed in an unusual way")
        if entry.file_size > limits.get(entry.filename, _LONGEST_MEDIUM):
            raise UnfitArchive(f"{entry.filename} is too long: {entry.file_size} bytes")
        seen.add(name)
        if medium is not None:
            media[name] = entry.filename
    if not {_HEAD, _VALUES} <= seen:
        raise UnfitArchive(f"{_HEAD} and {_VALUES} are not in it")
    if sum(entry.file_size for entry in file.infolist()) > _UNPACKED + 100 * size:
        raise UnfitArchive("it is a zip bomb")
    return media


def _told(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return (f"{where}: " if where else "") + first["msg"].removeprefix("Value error, ")


# ---- writing


def new(path: Path) -> ZipFile:
    """An archive to write."""
    return ZipFile(path, "w", ZIP_DEFLATED)


def open_values(file: ZipFile) -> IO[bytes]:
    """Begin to write the values."""
    return file.open(_VALUES, "w", force_zip64=True)


def write_value(stream: IO[bytes], row: Any, medium: str | None) -> None:
    """Write one value, a row with the columns of Taught."""
    line = {
        "reaction": row.reaction,
        "key": row.key,
        "kind": row.kind,
        "value": row.value,
        "caption": row.caption,
        "file_unique_id": row.file_unique_id,
        "medium": medium,
        "author_id": row.author_id,
        "taught_at": row.created_at,
    }
    stream.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


def medium_name(row: Any) -> str | None:
    """What a value's medium is called here; None for a text."""
    if row.kind == "text":
        return None
    name: str = row.file_unique_id
    return name if re.fullmatch(_NAME, name) else blake2b(row.value.encode(), digest_size=16).hexdigest()


def write_medium(file: ZipFile, name: str, path: str, content: bytes) -> None:
    """Write a medium; its extension is that of its path at Telegram."""
    entry = _MEDIA + name + PurePosixPath(path).suffix.lower()
    file.writestr(entry if _MEDIUM.fullmatch(entry) else _MEDIA + name, content, ZIP_STORED)


def write_head(file: ZipFile, bot_id: int, chat: str, values: int, missing: frozenset[str]) -> None:
    """Write what is known at the end."""
    head = Head(
        format=FORMAT,
        version=VERSION,
        bot_id=bot_id,
        chat=chat,
        exported_at=datetime.now(UTC),
        values=values,
        missing=missing,
    )
    file.writestr(_HEAD, head.model_dump_json(indent=2))
