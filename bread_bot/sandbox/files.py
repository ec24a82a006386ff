"""The media of the sandbox: their bytes in the database, and the fields of a message that carry them."""

import hashlib
import mimetypes
import re
from typing import Any, NamedTuple

from sqlalchemy import delete, func, select

from bread_bot.main.database.base import async_session
from bread_bot.sandbox.models import SandboxFile
from bread_bot.sandbox.refusal import Refusal
from bread_bot.sandbox.world import Json

FILE_KINDS = ("photo", "voice", "sticker", "animation", "video", "video_note", "audio", "document")
LARGEST_PHOTO = 10 * 2**20
LARGEST_UPLOAD = 50 * 2**20
LARGEST_DOWNLOAD = 20 * 2**20
_ALL_FILES = 512 * 2**20  # bytes; then the oldest go
_SIZE = {"width": 320, "height": 320}
_FIELDS: dict[str, Json] = {
    "photo": _SIZE,
    "sticker": _SIZE | {"type": "regular", "is_animated": False, "is_video": False},
    "animation": _SIZE | {"duration": 3},
    "video": _SIZE | {"duration": 3},
    "video_note": {"length": 320, "duration": 3},
    "voice": {"duration": 2},
    "audio": {"duration": 2},
    "document": {},
}
# What the page needs to show a medium, but no bot is told.
_NOT_TOLD = {
    "photo": {"mime_type", "file_name"},
    "sticker": {"mime_type", "file_name"},
    "video_note": {"mime_type", "file_name"},
    "voice": {"file_name"},
}
_PATH = re.compile(r"[a-z_]+/file_(\d{1,18})(?:\.\w+)?")


class Upload(NamedTuple):
    """A file on its way in."""

    name: str
    mime: str
    content: bytes


async def store(kind: str, upload: Upload) -> str:
    """Keep a medium; gives its file_id.

    :raises Refusal: it is empty or too large
    """
    if not upload.content:
        raise Refusal(400, "Bad Request: file must be non-empty")
    if len(upload.content) > (LARGEST_PHOTO if kind == "photo" else LARGEST_UPLOAD):
        raise Refusal(413, "Request Entity Too Large")
    digest = hashlib.sha256(upload.content).hexdigest()[:20]
    async with async_session() as session, session.begin():
        kept = await SandboxFile.async_create(session, kind=kind, digest=digest, **upload._asdict())
        younger = func.sum(func.octet_length(SandboxFile.content)).over(order_by=SandboxFile.id.desc())
        sizes = select(SandboxFile.id, younger.label("younger")).subquery()
        outdated = select(sizes.c.id).where(sizes.c.younger > _ALL_FILES)
        await session.execute(delete(SandboxFile).where(SandboxFile.id.in_(outdated)))
    return str(kept.id)


async def read(file_id: str) -> SandboxFile | None:
    """A medium by its id."""
    if re.fullmatch("[0-9]{1,18}", file_id) is None:
        return None
    async with async_session() as session:
        return await SandboxFile.async_get(session, int(file_id))


async def forget_all() -> None:
    """Delete every medium."""
    async with async_session() as session, session.begin():
        await session.execute(delete(SandboxFile))


async def content(kind: str, file_id: str) -> Json:
    """The fields of a message that carry a medium.

    :raises Refusal: there is no such file, or it is of another kind
    """
    kept = await read(file_id)
    if kept is None:
        raise Refusal(400, "Bad Request: wrong file identifier/HTTP URL specified")
    if {kept.kind, kind} not in ({kind}, {"animation", "document"}):
        raise Refusal(400, f"Bad Request: can't use file of type {kept.kind.capitalize()} as {kind.capitalize()}")
    file: Json = {
        "file_id": file_id,
        "file_unique_id": kept.digest,
        "file_size": len(kept.content),
        "mime_type": kept.mime,
        "file_name": kept.name,
    }
    medium = file | _FIELDS[kind]
    if kind == "photo":
        return {"photo": [medium]}
    return {kind: medium} | ({"document": file} if kind == "animation" else {})


def described(kept: SandboxFile) -> Json:
    """A File, as getFile gives it.

    :raises Refusal: it is too large for a bot to have
    """
    if len(kept.content) > LARGEST_DOWNLOAD:
        raise Refusal(400, "Bad Request: file is too big")
    path = f"{kept.kind}s/file_{kept.id}{mimetypes.guess_extension(kept.mime) or ''}"
    size = len(kept.content)
    return {"file_id": str(kept.id), "file_unique_id": kept.digest, "file_size": size, "file_path": path}


def id_of(path: str) -> str:
    """The file_id behind a path that getFile has given, or nothing."""
    found = _PATH.fullmatch(path)
    return found[1] if found else ""


def told(value: Any, kind: str = "") -> Any:
    """A part of a message as the Bot API tells it."""
    if isinstance(value, list):
        return [told(one, kind) for one in value]
    if isinstance(value, dict):
        hidden = _NOT_TOLD.get(kind, ()) if "file_id" in value else ()
        return {name: told(one, name) for name, one in value.items() if name not in hidden}
    return value
