"""The sandbox's page, what it asks for, and what it hears."""

import json
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from importlib.resources import files as package_files
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field

from bread_bot.bot.forgetting import forget_chats
from bread_bot.main.database.base import async_session
from bread_bot.sandbox import files, polls
from bread_bot.sandbox.files import FILE_KINDS, LARGEST_DOWNLOAD, LARGEST_PHOTO, Upload
from bread_bot.sandbox.refusal import Refusal
from bread_bot.sandbox.telegram import Telegram
from bread_bot.sandbox.world import BOT, FORUM, GROUP, OWNER, PEOPLE, SUPERGROUP, TOPICS, World

PAGE = Path(str(package_files("bread_bot.sandbox") / "page"))
_HEARTBEAT_SECONDS = 15.0
_SHOWN_MIMES = ("image/", "audio/", "video/")
_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{0,18})")


class RefusingRoute(APIRoute):
    """A route that answers with what the sandbox's Telegram refuses."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of the route."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except Refusal as error:
                raise HTTPException(error.status, str(error)) from None

        return answer


def refuse_other_pages(request: Request) -> None:
    """Let no page from elsewhere, open in the same browser, change anything here."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise HTTPException(403, "Only the sandbox's own page may ask for this")


router = APIRouter(
    prefix="/sandbox", include_in_schema=False, route_class=RefusingRoute, dependencies=[Depends(refuse_other_pages)]
)


class NewPoll(BaseModel):
    """A poll that somebody begins."""

    question: str
    options: list[str]
    is_anonymous: bool = True
    allows_multiple_answers: bool = False
    correct_option_id: int | None = None


class Speech(BaseModel):
    """What somebody says."""

    chat_id: int
    user_id: int
    text: str = Field("", max_length=4096)
    reply_to: int | None = None
    thread_id: int | None = None
    file_id: str | None = None
    kind: Literal["photo", "voice", "sticker", "animation", "video", "video_note", "audio", "document"] | None = None
    poll: NewPoll | None = None


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


class Vote(Place):
    """Somebody's vote in a poll; none of its options takes it back."""

    user_id: int
    option_ids: list[int] = Field(max_length=12)


class Reaction(Place):
    """Somebody's reactions to a message."""

    user_id: int
    emoji: list[str] = Field(max_length=3)


class Membership(BaseModel):
    """Somebody joins or leaves."""

    chat_id: int
    user_id: int
    status: Literal["member", "administrator", "left"]


class TopicState(BaseModel):
    """A topic is closed, or opened again."""

    chat_id: int
    thread_id: int
    is_closed: bool


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
    """All that happened after Last-Event-ID, `ready`, and what happens from now on; `reset` when all begins anew."""
    asked = request.headers.get("last-event-id", "0")
    after = int(asked) if asked.isdecimal() and len(asked) < 18 else 0
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(_stream(_telegram(request), after), media_type="text/event-stream", headers=headers)


async def _stream(telegram: Telegram, after: int) -> AsyncIterator[str]:
    yield "retry: 700\n\n"
    if after > 0 and not telegram.history.has_all_since(after):  # away for too long to be told the rest
        yield "id: 0\nevent: reset\ndata: {}\n\n"
        return
    is_new = after == 0
    for number, event in await telegram.history.read(after):
        after = number
        if event["type"] != "reset" or not is_new:  # who has seen nothing yet has nothing to forget
            yield _told(number, event)
    yield "event: ready\ndata: {}\n\n"
    while not telegram.is_closing:
        await telegram.wait_for_news(after, _HEARTBEAT_SECONDS)
        for number, event in await telegram.history.read(after):
            after = number
            yield _told(number, event)
        yield ": live\n\n"


def _told(number: int, event: dict[str, Any]) -> str:
    name = "event: reset\n" if event["type"] == "reset" else ""
    return f"id: {number}\n{name}data: {json.dumps(event, ensure_ascii=False)}\n\n"


@router.get("/traces/{trace_id}")
async def give_trace(request: Request, trace_id: str) -> list[dict[str, object]]:
    """The spans of a trace."""
    return _telegram(request).traces.of(trace_id)


@router.post("/messages", status_code=204)
async def send_message(request: Request, speech: Speech) -> None:
    """Somebody sends a message."""
    telegram = _telegram(request)
    _check(telegram, speech.chat_id, speech.user_id)
    if speech.file_id is not None and speech.kind is not None:
        content = await files.content(speech.kind, speech.file_id)
        content |= {"caption": speech.text} if speech.text else {}
    elif speech.poll is not None:
        content = {"poll": _begun(speech.poll)}
    elif speech.text.strip():
        content = {"text": speech.text}
    else:
        raise HTTPException(400, "There is nothing to send")
    await telegram.say(speech.chat_id, speech.user_id, content, speech.thread_id, speech.reply_to)


def _begun(poll: NewPoll) -> dict[str, Any]:
    return polls.begun(
        poll.question,
        poll.options,
        is_quiz=poll.correct_option_id is not None,
        correct=() if poll.correct_option_id is None else (poll.correct_option_id,),
        is_anonymous=poll.is_anonymous,
        takes_many=poll.allows_multiple_answers,
    )


@router.put("/messages", status_code=204)
async def edit_message(request: Request, correction: Correction) -> None:
    """Somebody edits what they wrote."""
    await _telegram(request).edit(correction.chat_id, correction.message_id, correction.text)


@router.post("/deletions", status_code=204)
async def delete_message(request: Request, place: Place) -> None:
    """Somebody deletes a message; bots are not told."""
    await _telegram(request).delete(place.chat_id, place.message_id)


@router.post("/presses", status_code=204)
async def press_button(request: Request, press: Press) -> None:
    """Somebody presses an inline button."""
    _check(_telegram(request), press.chat_id, press.user_id)
    await _telegram(request).press(press.chat_id, press.message_id, press.user_id, press.data)


@router.post("/votes", status_code=204)
async def vote(request: Request, vote: Vote) -> None:
    """Somebody votes in a poll, changes their vote, or takes it back."""
    _check(_telegram(request), vote.chat_id, vote.user_id)
    await _telegram(request).vote(vote.chat_id, vote.message_id, vote.user_id, vote.option_ids)


@router.post("/reactions", status_code=204)
async def react(request: Request, reaction: Reaction) -> None:
    """Somebody reacts to a message."""
    _check(_telegram(request), reaction.chat_id, reaction.user_id)
    await _telegram(request).react(reaction.chat_id, reaction.message_id, reaction.user_id, reaction.emoji)


@router.post("/members", status_code=204)
async def change_member(request: Request, membership: Membership) -> None:
    """Somebody joins, leaves or is promoted."""
    telegram = _telegram(request)
    if membership.chat_id not in telegram.world.chats or membership.user_id not in (*PEOPLE, BOT["id"]):
        raise HTTPException(404, "There is no such chat or person")
    await telegram.change_member(membership.chat_id, membership.user_id, membership.status)


@router.post("/topics", status_code=204)
async def close_topic(request: Request, state: TopicState) -> None:
    """The owner of a forum closes a topic, or opens it again."""
    telegram = _telegram(request)
    _check(telegram, state.chat_id, OWNER)
    await telegram.close_topic(state.chat_id, state.thread_id, state.is_closed)


@router.post("/upgrade", status_code=204)
async def upgrade_group(request: Request) -> None:
    """The group becomes a supergroup."""
    telegram = _telegram(request)
    if GROUP not in telegram.world.chats:
        raise HTTPException(409, "It is a supergroup already")
    await telegram.upgrade(GROUP, SUPERGROUP)


@router.post("/reset", status_code=204)
async def start_over(request: Request) -> None:
    """All begins anew, also for the bot: it forgets the chats, and what it has yet to say there."""
    chats = [OWNER, GROUP, SUPERGROUP, FORUM]
    for chat_id in chats:
        await request.app.state.outbox.forget(chat_id)
    async with async_session() as session, session.begin():
        await forget_chats(session, chats)
    await _telegram(request).begin_anew()


@router.put("/mode", status_code=204)
async def set_mode(request: Request, mode: Mode) -> None:
    """Tell the Bot API to fail, or to work again."""
    telegram = _telegram(request)
    telegram.happen("mode", mode=mode.mode)
    await telegram.settle()


@router.post("/files", status_code=201)
async def keep_file(
    request: Request, kind: Annotated[str, Query()], name: Annotated[str, Query(max_length=200)]
) -> dict[str, object]:
    """Keep a medium; the body is its bytes, as many as a bot may have."""
    if kind not in FILE_KINDS:
        raise HTTPException(400, "There is no such kind of file")
    mime = request.headers.get("content-type", "application/octet-stream")
    content = await _read(request, LARGEST_PHOTO if kind == "photo" else LARGEST_DOWNLOAD)
    return {"file_id": await files.store(kind, Upload(name, mime, content))}


async def _read(request: Request, limit: int) -> bytes:
    """A body; one that is too long is heard out, because a browser that is cut off shows no reason."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk[: limit + 1 - len(content)]
    if len(content) > limit:
        raise HTTPException(413, f"Such a file may have {limit // 2**20} MB at most")
    return bytes(content)


@router.get("/files/{file_id}")
async def give_file(request: Request, file_id: str) -> Response:
    """A medium, or the part of it that a player asks for; only what a page shows as a medium goes by its own type."""
    kept = await files.read(file_id)
    if kept is None:
        raise HTTPException(404, "There is no such file")
    is_shown = kept.mime.startswith(_SHOWN_MIMES)
    mime = kept.mime if is_shown else "application/octet-stream"
    headers = {
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        "cache-control": "private, max-age=31536000, immutable",
        "accept-ranges": "bytes",
    }
    if not is_shown:
        headers["content-disposition"] = "attachment"
    asked, size = _RANGE.fullmatch(request.headers.get("range", "")), len(kept.content)
    if asked is None or (first := int(asked[1])) >= size:
        return Response(kept.content, media_type=mime, headers=headers)
    last = min(int(asked[2] or size), size - 1)
    headers["content-range"] = f"bytes {first}-{last}/{size}"
    return Response(kept.content[first : last + 1], 206, headers, mime)


def _check(telegram: Telegram, chat_id: int, user_id: int) -> None:
    if chat_id not in telegram.world.chats or user_id not in PEOPLE:
        raise HTTPException(404, "There is no such chat or person")
