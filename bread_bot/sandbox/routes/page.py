"""The sandbox's page, what it asks for, and what it hears."""

import json
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import BaseModel, Field

from bread_bot.sandbox.telegram import FILE_KINDS, Refusal, Telegram
from bread_bot.sandbox.world import BOT, GROUP, PEOPLE, SUPERGROUP, TOPICS, World

router = APIRouter(prefix="/sandbox", include_in_schema=False)

PAGE = Path(str(files("bread_bot.sandbox") / "page"))
_HEARTBEAT_SECONDS = 15.0
_SHOWN_MIMES = ("image/", "audio/", "video/")


class Speech(BaseModel):
    """What somebody says."""

    chat_id: int
    user_id: int
    text: str = Field("", max_length=4096)
    reply_to: int | None = None
    thread_id: int | None = None
    file_id: str | None = None
    kind: Literal["photo", "voice", "sticker", "animation", "video", "video_note", "audio", "document"] | None = None


class Place(BaseModel):
    """A message, by its chat and number."""

    chat_id: int
    message_id: int


class Correction(Place):
    """A new text of a message."""

    text: str = Field(min_length=1, max_length=4096)


class Press(Place):
    """A press on an inline button."""

    user_id: int
    data: str = Field(max_length=64)


class Reaction(Place):
    """Somebody's reactions to a message."""

    user_id: int
    emoji: list[str] = Field(max_length=3)


class Membership(BaseModel):
    """Somebody joins or leaves."""

    chat_id: int
    user_id: int
    status: Literal["member", "administrator", "left"]


class Mode(BaseModel):
    """How the Bot API answers from now on."""

    mode: Literal["normal", "429", "500", "nothing"]


def _telegram(request: Request) -> Telegram:
    telegram: Telegram = request.app.state.sandbox
    return telegram


@router.get("")
async def show_page() -> Response:
    """The page itself."""
    return FileResponse(PAGE / "index.html", headers={"cache-control": "no-cache"})


@router.get("/page/{name}")
async def give_part(name: str) -> Response:
    """A style, a script or a sample of the page."""
    if name not in {path.name for path in PAGE.iterdir() if path.is_file()}:
        raise HTTPException(404, "There is no such file")
    return FileResponse(PAGE / name, headers={"cache-control": "no-cache"})


@router.get("/cast")
async def give_cast() -> dict[str, object]:
    """Whom the page begins with; the events tell the rest."""
    world = World()
    return {
        "bot": BOT,
        "people": list(PEOPLE.values()),
        "chats": list(world.chats.values()),
        "members": world.members,
        "topics": TOPICS,
    }


@router.get("/events")
async def stream_events(request: Request) -> Response:
    """All that happened after Last-Event-ID, and what happens from now on."""
    asked = request.headers.get("last-event-id", "0")
    after = int(asked) if asked.isdecimal() and len(asked) < 18 else 0
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(_stream(_telegram(request), after), media_type="text/event-stream", headers=headers)


async def _stream(telegram: Telegram, after: int) -> AsyncIterator[str]:
    yield "retry: 700\n\n"
    while not telegram.is_closing:
        for event_id, event in await telegram.events(after):
            after = event_id
            yield f"id: {event_id}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n"
        yield ": live\n\n"
        await telegram.wait_for_news(after, _HEARTBEAT_SECONDS)


@router.get("/traces/{trace_id}")
async def give_trace(request: Request, trace_id: str) -> list[dict[str, object]]:
    """The spans of a trace."""
    return _telegram(request).trace(trace_id)


@router.post("/messages", status_code=204)
async def send_message(request: Request, speech: Speech) -> None:
    """Somebody sends a message."""
    telegram = _telegram(request)
    _check(telegram, speech.chat_id, speech.user_id)
    try:
        if speech.file_id is not None and speech.kind is not None:
            content = await telegram.medium(speech.kind, speech.file_id)
            content |= {"caption": speech.text} if speech.text else {}
        elif speech.text.strip():
            content = {"text": speech.text}
        else:
            raise HTTPException(400, "There is nothing to send")
        await telegram.say(speech.chat_id, speech.user_id, content, speech.thread_id, speech.reply_to)
    except Refusal as error:
        raise HTTPException(error.status, str(error)) from None


@router.put("/messages", status_code=204)
async def edit_message(request: Request, correction: Correction) -> None:
    """Somebody edits what they wrote."""
    try:
        await _telegram(request).edit(correction.chat_id, correction.message_id, correction.text)
    except Refusal as error:
        raise HTTPException(error.status, str(error)) from None


@router.post("/deletions", status_code=204)
async def delete_message(request: Request, place: Place) -> None:
    """Somebody deletes a message; bots are not told."""
    await _telegram(request).happen("delete", chat_id=place.chat_id, message_id=place.message_id)


@router.post("/presses", status_code=204)
async def press_button(request: Request, press: Press) -> None:
    """Somebody presses an inline button."""
    _check(_telegram(request), press.chat_id, press.user_id)
    try:
        await _telegram(request).press(press.chat_id, press.message_id, press.user_id, press.data)
    except Refusal as error:
        raise HTTPException(error.status, str(error)) from None


@router.post("/reactions", status_code=204)
async def react(request: Request, reaction: Reaction) -> None:
    """Somebody reacts to a message."""
    _check(_telegram(request), reaction.chat_id, reaction.user_id)
    await _telegram(request).happen("reaction", **reaction.model_dump())


@router.post("/members", status_code=204)
async def change_member(request: Request, membership: Membership) -> None:
    """Somebody joins, leaves or is promoted."""
    telegram = _telegram(request)
    if membership.chat_id not in telegram.world.chats or membership.user_id not in (*PEOPLE, BOT["id"]):
        raise HTTPException(404, "There is no such chat or person")
    await telegram.change_member(membership.chat_id, membership.user_id, membership.status)


@router.post("/upgrade", status_code=204)
async def upgrade_group(request: Request) -> None:
    """The group becomes a supergroup."""
    telegram = _telegram(request)
    if GROUP not in telegram.world.chats:
        raise HTTPException(409, "It is a supergroup already")
    await telegram.upgrade(GROUP, SUPERGROUP)


@router.put("/mode", status_code=204)
async def set_mode(request: Request, mode: Mode) -> None:
    """Tell the Bot API to fail, or to work again."""
    await _telegram(request).happen("mode", mode=mode.mode)


@router.post("/files", status_code=201)
async def keep_file(
    request: Request, kind: Annotated[str, Query()], name: Annotated[str, Query(max_length=200)]
) -> dict[str, object]:
    """Keep a medium; the body is its bytes."""
    content = await request.body()
    if kind not in FILE_KINDS or not content:
        raise HTTPException(400, "There is no such kind of file, or it is empty")
    mime = request.headers.get("content-type", "application/octet-stream")
    file_id = await _telegram(request).store_file(kind, name, mime, content)
    return {"file_id": file_id}


@router.get("/files/{file_id}")
async def give_file(request: Request, file_id: str) -> Response:
    """A medium; only what a page shows as a medium goes by its own type."""
    kept = await _telegram(request).file(file_id)
    if kept is None:
        raise HTTPException(404, "There is no such file")
    is_shown = kept.mime.startswith(_SHOWN_MIMES)
    headers = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}
    if not is_shown:
        headers["content-disposition"] = "attachment"
    return Response(kept.content, media_type=kept.mime if is_shown else "application/octet-stream", headers=headers)


def _check(telegram: Telegram, chat_id: int, user_id: int) -> None:
    if chat_id not in telegram.world.chats or user_id not in PEOPLE:
        raise HTTPException(404, "There is no such chat or person")
