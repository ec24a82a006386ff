"""The only file that knows the Bot API."""

import asyncio
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import httpx
import orjson
from prometheus_client import Counter

from bread_bot.bot.answers import CAPTIONED, Answer, Button, Call, Edit, Mention, Toast
from bread_bot.bot.errors import (
    BadRequest,
    ChatMigrated,
    FileGone,
    Forbidden,
    TelegramError,
    TelegramUnavailable,
    ThreadGone,
    TooManyRequests,
    Unauthorized,
)
from bread_bot.bot.schemas.update import Message
from bread_bot.utils.base_client import BaseHTTPClient, ClientError, StatusError, TooLarge
from bread_bot.utils.metrics import counter
from bread_bot.utils.text import split_text, utf16_length
from bread_bot.utils.tracing import traceparent

ALLOWED_UPDATES = ("message", "edited_message", "callback_query", "my_chat_member", "chat_member")
TEXT_LIMIT = 4096
CAPTION_LIMIT = 1024
LONG_POLL = 25
LARGEST_FILE = 20 * 2**20
FILE_SECONDS = 120
# Telegram takes 30 a second at most, and httpx's pool spends the time of each call on looking through all connections.
PARALLEL_SENDINGS = 16

_CHATLESS = frozenset({"answerCallbackQuery"})
_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")
_THREAD_GONE = ("message thread not found", "topic_closed", "topic_deleted", "topic closed")
_FILE_GONE = (
    "wrong file identifier",
    "wrong remote file identifier",
    "file_reference",
    "invalid file_id",
    "wrong file_id",
    "failed to get http url content",
)

_CALLS = counter("bread_bot_api_calls_total", "Calls of the Bot API, by method and result.", ["method", "result"])
_counted: Callable[[str, str], Counter] = cache(_CALLS.labels)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where an answer goes: the chat, the forum topic, and the message it answers."""

    chat_id: int
    thread_id: int | None = None
    reply_to: int | None = None
    button_id: str | None = None

    @classmethod
    def of(cls, message: Message, button_id: str | None = None) -> "Destination":
        """The answer to a message, or to a press on a button under it."""
        return cls(message.chat.id, message.thread_id, message.message_id, button_id)


@dataclass(frozen=True, slots=True)
class Sending:
    """One call of the Bot API about a chat, ready to be stored: the payload has all but the chat and a file's bytes.

    It continues the trace of whoever spells it.
    """

    chat_id: int
    method: str
    payload: dict[str, Any]
    content: bytes | None = None
    about: str | None = None
    traceparent: str | None = field(default_factory=traceparent)


def sendings(thing: Answer | Edit | Toast | Call, to: Destination) -> Iterator[Sending]:
    """Spell in the Bot API's words what is to be said, in as many calls as its limits ask for."""
    if isinstance(thing, Answer):
        yield from _answer_sendings(thing, to)
    elif isinstance(thing, Call):
        yield Sending(to.chat_id, thing.method, thing.payload)
    elif isinstance(thing, Toast):
        if to.button_id is not None:
            noted = {"text": thing.text[:200]} if thing.text else {}
            yield Sending(to.chat_id, "answerCallbackQuery", {"callback_query_id": to.button_id, **noted})
    else:
        payload = {"message_id": to.reply_to, "text": thing.text, **_markup(thing.buttons)}
        yield Sending(to.chat_id, "editMessageText", payload)


def _answer_sendings(answer: Answer, to: Destination) -> Iterator[Sending]:
    base: dict[str, Any] = {}
    if to.thread_id is not None:
        base["message_thread_id"] = to.thread_id
    reply_to = answer.reply_to or to.reply_to
    if reply_to is not None:
        # the answer goes out also when the asking message has been deleted meanwhile
        base["reply_parameters"] = {"message_id": reply_to, "allow_sending_without_reply": True}
    if answer.kind == "text":
        yield from _text_sendings(to.chat_id, answer, base)
        return
    whole = answer.caption or "" if answer.kind in CAPTIONED else ""
    caption = next(iter(split_text(whole, CAPTION_LIMIT)), "")
    payload = base | ({"caption": caption} if caption else {}) | _markup(answer.buttons)
    payload["emoji" if answer.kind == "dice" else answer.kind] = answer.value
    yield Sending(to.chat_id, method_of(answer.kind), payload, answer.content, answer.about)
    if over := whole[whole.find(caption) + len(caption) :].strip():
        yield from _text_sendings(to.chat_id, Answer(over, about=answer.about), base)


def _text_sendings(chat_id: int, answer: Answer, base: Mapping[str, Any]) -> Iterator[Sending]:
    parts = split_text(answer.value, TEXT_LIMIT)
    offset = 0
    for number, part in enumerate(parts, 1):
        found = answer.value.index(part, offset)
        start = utf16_length(answer.value[:found])
        offset = found + len(part)
        payload = {**base, "text": part, "link_preview_options": {"is_disabled": True}}
        if entities := list(_entities(answer.mentions, start, utf16_length(part))):
            payload["entities"] = entities
        if number == len(parts):
            payload |= _markup(answer.buttons)
        yield Sending(chat_id, "sendMessage", payload, None, answer.about)


def _entities(mentions: tuple[Mention, ...], start: int, length: int) -> Iterator[dict[str, Any]]:
    for mention in mentions:
        if start <= mention.offset and mention.offset + mention.length <= start + length:
            user = {"id": mention.user_id, "is_bot": False, "first_name": "?"}
            offset = mention.offset - start
            yield {"type": "text_mention", "offset": offset, "length": mention.length, "user": user}


def method_of(kind: str) -> str:
    """The method that sends a kind: video_note -> sendVideoNote."""
    if kind == "text":
        return "sendMessage"
    return "send" + "".join(word.capitalize() for word in kind.split("_"))


def _markup(buttons: tuple[tuple[Button, ...], ...]) -> dict[str, Any]:
    if not buttons:
        return {}
    rows = [[{"text": one.text, "callback_data": one.data} for one in row] for row in buttons]
    return {"reply_markup": {"inline_keyboard": rows}}


class TelegramClient(BaseHTTPClient):
    """The Bot API: one method, typed errors, the token in no log."""

    def __init__(self, token: str, address: str) -> None:
        super().__init__(address, timeout=15, max_bytes=LARGEST_FILE)
        self._path = f"/bot{token}/"
        self._file_path = f"/file/bot{token}/"
        self._places = asyncio.Semaphore(PARALLEL_SENDINGS)

    def public_url(self, url: httpx.URL) -> str:
        """The address without the token."""
        return f"{url.scheme}://{url.netloc.decode()}/bot***/{url.path.rpartition('/')[2]}"

    async def send(self, method: str, chat_id: int, payload: Mapping[str, Any], content: bytes | None = None) -> Any:
        """Make a stored call about a chat; the same errors as those of `call`."""
        where = {} if method in _CHATLESS else {"chat_id": chat_id}
        async with self._places:
            return await self.call(method, {**where, **payload}, content)

    async def call(
        self,
        method: str,
        payload: Mapping[str, Any] | None = None,
        content: bytes | None = None,
        *,
        timeout: float = 15,
    ) -> Any:
        """Call a method; `content` is uploaded as the file that the payload's medium names.

        :return: the result as plain JSON
        :raises TelegramError: one of its kinds, by what Telegram said
        """
        try:
            result = await self._call(method, payload, content, timeout)
        except TelegramError as error:
            _counted(method, _result(error)).inc()
            raise
        _counted(method, "ok").inc()
        return result

    async def clock(self, timeout: float) -> datetime | None:
        """What time it is at Telegram, to the second, if it tells.

        :raises TelegramError: one of its kinds, by what Telegram said
        """
        response = await self._respond("getMe", {}, None, timeout)
        with suppress(KeyError, ValueError):
            return parsedate_to_datetime(response.headers["date"])
        return None

    async def _call(self, method: str, payload: Mapping[str, Any] | None, content: bytes | None, timeout: float) -> Any:
        response = await self._respond(method, payload, content, timeout)
        try:
            answer = orjson.loads(response.content)
        except ValueError:
            raise TelegramUnavailable("the answer is not JSON", code=response.status_code) from None
        if not isinstance(answer, dict) or not answer.get("ok"):
            raise _error(200, response.content)
        return answer.get("result")

    async def _respond(
        self, method: str, payload: Mapping[str, Any] | None, content: bytes | None, timeout: float
    ) -> httpx.Response:
        try:
            if content is None:
                return await self.request("POST", self._path + method, json=payload or {}, timeout=timeout)
            form, files = _form(method, payload or {}, content)
            return await self.request("POST", self._path + method, data=form, files=files, timeout=timeout)
        except StatusError as error:
            raise _error(error.status, error.body) from None
        except ClientError as error:
            raise TelegramUnavailable(str(error)) from None

    async def download(self, file_id: str) -> tuple[str, bytes]:
        """A file's path at Telegram and its bytes (20 MB at most).

        :raises TelegramError: one of its kinds; BadRequest when the file can't be had at all
        """
        found = await self.call("getFile", {"file_id": file_id})
        path = found.get("file_path", "")
        try:
            response = await self.request("GET", self._file_path + path, timeout=FILE_SECONDS)
        except TooLarge:
            raise BadRequest("the file is too big") from None
        except StatusError as error:
            if error.status == 404:
                raise FileGone("the file is not there any more", code=404) from None
            raise _error(error.status, error.body) from None
        except ClientError as error:
            raise TelegramUnavailable(str(error)) from None
        return path, response.content


def _form(method: str, payload: Mapping[str, Any], content: bytes) -> tuple[dict[str, str], dict[str, Any]]:
    field = _CAPITAL.sub("_", method.removeprefix("send")).lower()
    form = {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in payload.items()
        if name != field
    }
    return form, {field: (payload[field], content)}


def _result(error: TelegramError) -> str:
    """What the metrics call an error; a call that found no Telegram has no code."""
    if isinstance(error, TooManyRequests):
        return "too_many_requests"
    if isinstance(error, TelegramUnavailable):
        return "network" if error.code is None else "unavailable"
    return "refused"


def _error(status: int, body: bytes) -> TelegramError:
    try:
        answer = orjson.loads(body)
        description = str(answer.get("description", ""))
        code = int(answer.get("error_code", status))
        parameters = answer.get("parameters") or {}
    except (ValueError, AttributeError, TypeError):
        return TelegramUnavailable(f"HTTP {status} without a JSON error", code=status)
    said = description.lower()
    if code == 429:
        return TooManyRequests(description, retry_after=float(parameters.get("retry_after", 1)))
    if code in (401, 404):
        return Unauthorized(description, code=code)
    if code == 403:
        return Forbidden(description, code=code)
    if "migrate_to_chat_id" in parameters:
        return ChatMigrated(description, chat_id=int(parameters["migrate_to_chat_id"]))
    if any(phrase in said for phrase in _THREAD_GONE):
        return ThreadGone(description, code=code)
    if any(phrase in said for phrase in _FILE_GONE):
        return FileGone(description, code=code)
    if 400 <= code < 500 and code != 409:
        return BadRequest(description, code=code)
    return TelegramUnavailable(description or f"HTTP {code}", code=code)
