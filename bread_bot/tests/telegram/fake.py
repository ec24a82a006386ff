"""A strict Bot API at the HTTP border: every call is checked, what it does is kept, and it can be told to fail.

In the test's own process it is a transport of httpx, for a bot in another process it is a server:

    bot_api = BotAPI()
    open_pool(transport=bot_api.transport())
    ...
    (answer,) = await bot_api.wait_for(1)
    assert answer.text == "Медвед"
    bot_api.assert_clean()

    with bot_api.serve() as address:
        ...  # TELEGRAM_API_URL=address
"""

import asyncio
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

import httpx
import uvicorn
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from bread_bot.tests.telegram.schema import Json, Upload, api, check_call, read_form
from bread_bot.tests.telegram.world import Refusal, World, kind_of

TOKEN = "123456789:AAFakeTokenOfTheTests-0123456789abcd"

DOWNLOAD = "the bytes of a file"  # what a download is called among the calls

_CALL_PATH = re.compile(r"/bot([^/]+)/(\w+)")
_FILE_PATH = re.compile(r"/file/bot([^/]+)/(.+)")
_STATUS_WORDS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    504: "Gateway Timeout",
}


@dataclass(frozen=True, slots=True)
class How:
    """What a failing call looks like from outside."""

    status: int = 200
    description: str | None = None
    parameters: Mapping[str, int] = field(default_factory=dict)
    body: bytes | None = None
    is_performed: bool = False
    hangs: bool = False
    breaks: type[httpx.TransportError] | None = None


FAILURES: Mapping[str, How] = {
    "server error": How(500),
    "bad gateway": How(502, body=b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"),
    "hang": How(hangs=True),
    "refused connection": How(breaks=httpx.ConnectError),
    "reset connection": How(breaks=httpx.ReadError),
    "lost answer": How(is_performed=True, breaks=httpx.ReadError),
    "late answer": How(is_performed=True, hangs=True),
    "not json": How(200, body=b"<!doctype html><p>maintenance"),
    "half an answer": How(200, body=b'{"ok": true, "resu'),
    "not an answer": How(200, body=b"[]"),
    "thread gone": How(400, "Bad Request: message thread not found"),
    "thread closed": How(400, "Bad Request: TOPIC_CLOSED"),
    "broken file": How(400, "Bad Request: wrong file identifier/HTTP URL specified"),
    "chat not found": How(400, "Bad Request: chat not found"),
    "too long": How(400, "Bad Request: message is too long"),
    "no rights": How(400, "Bad Request: not enough rights to send text messages to the chat"),
    "migrated": How(400, "Bad Request: group chat was upgraded to a supergroup chat"),
    "blocked": How(403, "Forbidden: bot was blocked by the user"),
    "kicked": How(403, "Forbidden: bot was kicked from the supergroup chat"),
    "not a member": How(403, "Forbidden: bot is not a member of the supergroup chat"),
    "deactivated": How(403, "Forbidden: user is deactivated"),
    "unauthorized": How(401),
    "not found": How(404),
    "conflict": How(
        409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
    ),
    "webhook is active": How(
        409,
        "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
    ),
    "too many requests": How(429),
}


@dataclass(slots=True, eq=False)
class Call:
    """A call as it came, at `at` seconds of time.monotonic(); status None: it has had no answer."""

    method: str
    params: Json
    at: float
    status: int | None = None
    result: Any = None

    @property
    def chat_id(self) -> Any:
        """The chat that it is about, if any."""
        return self.params.get("chat_id")


@dataclass(frozen=True, slots=True, eq=False)
class Sent:
    """A message that the bot sent or edited; `message` is the whole Message as it is now."""

    call: Call
    message: Json

    @property
    def method(self) -> str:
        """sendMessage, sendVoice, ..."""
        return self.call.method

    @property
    def at(self) -> float:
        """When it came, in seconds of time.monotonic()."""
        return self.call.at

    @property
    def chat_id(self) -> int:
        """The chat."""
        return int(self.message["chat"]["id"])

    @property
    def message_id(self) -> int:
        """Its number in the chat."""
        return int(self.message["message_id"])

    @property
    def kind(self) -> str:
        """text, voice, video_note, ...; text of an edited one."""
        return kind_of(self.method) if self.method.startswith("send") else "text"

    @property
    def text(self) -> str | None:
        """The text or the caption, exactly as it was sent."""
        text: str | None = self.call.params.get("text", self.call.params.get("caption"))
        return text

    @property
    def value(self) -> Any:
        """The text, or the medium as it was named: a file_id, an address, an Upload."""
        return self.call.params.get(self.kind)

    @property
    def reply_to(self) -> int | None:
        """The message that it answers."""
        reply: Json = self.call.params.get("reply_parameters", {})
        return reply.get("message_id")

    @property
    def thread(self) -> int | None:
        """The forum topic."""
        return self.call.params.get("message_thread_id")

    @property
    def buttons(self) -> list[Json]:
        """The inline buttons, row by row, as they are now."""
        return [button for row in self.message.get("reply_markup", {}).get("inline_keyboard", ()) for button in row]

    def __repr__(self) -> str:
        return f"<{self.method} {self.chat_id}/{self.message_id}: {self.value!r:.200}>"


@dataclass(slots=True, eq=False)
class Failure:
    """An order to fail: which calls, how, and how often; `happened` counts. None in `times` is for ever."""

    method: str | None
    how: How
    times: int | None
    chat_id: int | None
    when: Callable[[Call], bool] | None
    happened: int = 0
    is_released: bool = False
    _ring: Callable[[], None] = field(repr=False, default=lambda: None)

    def concerns(self, call: Call) -> bool:
        """Whether it is this call that shall fail."""
        return (
            (self.times is None or self.happened < self.times)
            and self.method in (None, call.method)
            and self.chat_id in (None, call.chat_id)
            and (self.when is None or self.when(call))
        )

    def release(self) -> None:
        """Let the calls go on that hang, and fail no more."""
        self.is_released = True
        self.times = 0
        self._ring()


class BotAPI:
    """The fake itself, an ASGI application.

    :ivar calls: every call to a method, in order
    :ivar sent: the messages that were sent; `edited`: those that were changed, once a change
    :ivar deviations: what a correct bot does not do; `assert_clean` fails on them
    :ivar clock_offset: how many seconds its clock is ahead of ours
    :ivar world: what Telegram knows, to be looked at or changed (members, files, chats, dice)
    """

    def __init__(
        self,
        token: str = TOKEN,
        *,
        username: str = "bread_test_bot",
        first_name: str = "Хлебушек",
        reads_everything: bool = True,
        address: str = "https://api.telegram.org",
    ) -> None:
        self.token = token
        self.address = address
        self.world = World(int(token.partition(":")[0]), username, first_name, reads_everything)
        self.calls: list[Call] = []
        self.sent: list[Sent] = []
        self.edited: list[Sent] = []
        self.deviations: list[str] = []
        self.clock_offset = 0.0
        self._failures: list[Failure] = []
        self._bell = _Bell()
        self._lock = threading.RLock()
        self._poller = 0
        self._connections: dict[Any, asyncio.Transport] = {}

    # ---- for tests

    @property
    def me(self) -> Json:
        """The bot, a User."""
        return self.world.me

    @property
    def webhook_headers(self) -> dict[str, str]:
        """What Telegram puts to an update's request, as setWebhook asked."""
        secret = self.world.webhook.get("secret_token")
        return {"X-Telegram-Bot-Api-Secret-Token": secret} if secret else {}

    @property
    def toasts(self) -> list[str | None]:
        """What was shown to those who pressed a button."""
        return [call.params.get("text") for call in self.calls_of("answerCallbackQuery")]

    def calls_of(self, method: str) -> list[Call]:
        """The calls to one method."""
        return [call for call in list(self.calls) if call.method == method]

    def sent_to(self, chat_id: int) -> list[Sent]:
        """The messages that were sent to one chat."""
        return [one for one in list(self.sent) if one.chat_id == chat_id]

    def note(self, update: Mapping[str, Any]) -> None:
        """Let Telegram know what an update tells that goes to the bot by another way, say its webhook."""
        with self._lock:
            self.world.note(update)

    def deliver(self, *updates: Json) -> None:
        """Let updates wait for getUpdates."""
        with self._lock:
            for update in updates:
                self.world.note(update)
                if self.world.wants(update):
                    self.world.queue.append(update)
        self._bell.ring()

    def fail(
        self,
        method: str | None,
        how: str | None = None,
        *,
        status: int | None = None,
        description: str | None = None,
        retry_after: int | None = None,
        migrate_to_chat_id: int | None = None,
        chat_id: int | None = None,
        times: int | None = 1,
        when: Callable[[Call], bool] | None = None,
    ) -> Failure:
        """Make calls fail, by a name of FAILURES or by a status; the first order that concerns a call is obeyed.

        :param method: None is every method
        :param times: how many calls fail, None is all of them until `release`
        """
        known = FAILURES[how] if how is not None else How(status or (429 if retry_after is not None else 500))
        given = {"retry_after": retry_after, "migrate_to_chat_id": migrate_to_chat_id}
        made = How(
            status=status or known.status,
            description=description or known.description,
            parameters={name: value for name, value in given.items() if value is not None},
            body=known.body,
            is_performed=known.is_performed,
            hangs=known.hangs,
            breaks=known.breaks,
        )
        failure = Failure(method, made, times, chat_id, when, _ring=self._bell.ring)
        self._failures.append(failure)
        return failure

    def release(self) -> None:
        """Let every hanging call go on, and fail no more."""
        for failure in self._failures:
            failure.release()

    def assert_clean(self) -> None:
        """Fail if the bot did what Telegram does not take."""
        assert not self.deviations, "The Bot API was called wrongly:\n" + "\n".join(self.deviations)

    async def wait_for(self, wanted: int | Callable[["BotAPI"], Any], timeout: float = 10) -> list[Sent]:
        """Wait until so many messages were sent in all, or until the given function of this object is true.

        :param timeout: seconds, after which it fails
        :return: all messages that were sent
        """
        ready = (lambda: len(self.sent) >= wanted) if isinstance(wanted, int) else (lambda: bool(wanted(self)))
        if not await self._bell.until(ready, timeout):
            shown = "\n".join(f"{call.method} {call.params!r:.300} -> {call.status}" for call in self.calls[-20:])
            raise AssertionError(f"Not within {timeout} s. The last calls:\n{shown or 'none'}")
        return list(self.sent)

    async def wait_for_call(self, method: str, times: int = 1, timeout: float = 10) -> Call:
        """Wait until a method was called so many times and its call has its result.

        :return: the last of these calls
        """
        await self.wait_for(lambda api: len(_answered(api.calls_of(method))) >= times, timeout)
        return _answered(self.calls_of(method))[times - 1]

    def transport(self, elsewhere: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncBaseTransport:
        """The network for httpx, in which there is only this Bot API, and what `elsewhere` answers for."""
        return _Transport(self, elsewhere)

    @contextmanager
    def serve(self, port: int = 0) -> Iterator[str]:
        """Serve on loopback, from a thread; gives the address."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(256)
        config = uvicorn.Config(
            self,
            http=self._protocol(),
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            date_header=False,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), name="Bot API", daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            self.release()
            server.should_exit = server.force_exit = True
            thread.join()
            listener.close()

    # ---- for the bot

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; a connection that shall break is cut off, or raises httpx's error if it is no real one."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except httpx.TransportError:
            connection = self._connections.get(tuple(scope["client"]))
            if connection is None:
                raise
            connection.abort()
            while (await receive())["type"] != "http.disconnect":
                pass
        else:
            response.headers["date"] = formatdate(time.time() + self.clock_offset, usegmt=True)
            await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        path = request.url.path
        found = _FILE_PATH.fullmatch(path) or _CALL_PATH.fullmatch(path)
        if found is None:
            self.deviations.append(f"{request.method} {path}: there is no such address")
            return _reply(404, "Not Found")
        if found[1] != self.token:
            return _reply(401, "Unauthorized")
        method = found[2] if found.re is _CALL_PATH else DOWNLOAD
        if method == DOWNLOAD:
            params, problems = {"file_path": found[2]}, list[str]()
        else:
            params, problems = await self._read(request, method)
        call = Call(method, params, time.monotonic())
        with self._lock:
            self.calls.append(call)
            failure = next((one for one in self._failures if one.concerns(call)), None)
            if failure is not None:
                failure.happened += 1
            self.deviations += problems
        self._bell.ring()
        try:
            return await self._outcome(request, call, problems, failure)
        finally:
            self._bell.ring()

    async def _outcome(self, request: Request, call: Call, problems: list[str], failure: Failure | None) -> Response:
        if problems:
            status = 404 if call.method not in api().methods else 400
            return _reply(status, f"{_STATUS_WORDS[status]}: {problems[0]}", call=call)
        if failure is None:
            return await self._perform(call)
        how = failure.how
        done = await self._perform(call) if how.is_performed else None
        self._bell.ring()
        if how.hangs:
            call.status = None
            await self._bell.until(lambda: failure.is_released)
            if done is None and not await request.is_disconnected():
                return await self._perform(call)
            return done or _reply(504, "Gateway Timeout")
        if how.breaks is not None:
            call.status = None
            raise how.breaks("made to break off")
        if how.body is not None:
            call.status = how.status
            return Response(how.body, how.status, media_type="text/html")
        return _reply(how.status, how.description, how.parameters, call)

    async def _perform(self, call: Call) -> Response:
        try:
            if call.method == DOWNLOAD:
                with self._lock:
                    content = self.world.download(call.params["file_path"])
                call.status = 200
                return Response(content, media_type="application/octet-stream")
            if call.method == "getUpdates":
                call.result = await self._poll(call.params)
            else:
                with self._lock:
                    call.result = self.world.perform(call.method, call.params)
                    self._keep(call)
        except Refusal as refusal:
            if refusal.is_deviation:
                self.deviations.append(f"{call.method}: {refusal.description}: {call.params!r:.300}")
            return _reply(refusal.status, refusal.description, refusal.parameters, call)
        call.status = 200
        return Response(json.dumps({"ok": True, "result": call.result}), media_type="application/json")

    def _keep(self, call: Call) -> None:
        results = call.result if isinstance(call.result, list) else [call.result]
        if call.method.startswith(("send", "forward", "copy")):
            for result in results:
                if isinstance(result, dict) and "message_id" in result:
                    message = result if "chat" in result else self.world.messages[call.chat_id, result["message_id"]]
                    self.sent.append(Sent(call, message))
        elif call.method.startswith("editMessage") and isinstance(call.result, dict):
            self.edited.append(Sent(call, call.result))

    async def _poll(self, params: Json) -> list[Json]:
        if self.world.webhook:
            how = FAILURES["webhook is active"]
            raise Refusal(how.status, str(how.description))
        self._poller += 1
        mine = self._poller
        self._bell.ring()
        found: list[Json] = []

        def is_over() -> bool:
            with self._lock:
                found[:] = self.world.take_updates(params) if mine == self._poller else ()
            return bool(found) or mine != self._poller

        await self._bell.until(is_over, params.get("timeout", 0))
        if mine != self._poller:
            how = FAILURES["conflict"]
            raise Refusal(how.status, str(how.description))
        return found

    async def _read(self, request: Request, method: str) -> tuple[Json, list[str]]:
        """The parameters of a call, and what is wrong with them."""
        form: dict[str, str] = dict(request.query_params)
        params: Json = {}
        uploads: dict[str, Upload] = {}
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        body = await request.body()
        if content_type == "application/json":
            try:
                params = json.loads(body)
            except ValueError:
                return {}, [f"{method}: the body is not JSON"]
            if not isinstance(params, dict):
                return {}, [f"{method}: the body is not an object"]
        elif content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
            async with request.form(max_part_size=50_000_000) as parts:
                for name, part in parts.multi_items():
                    if isinstance(part, UploadFile):
                        uploads[name] = Upload(part.filename or "", await part.read(), part.content_type)
                    else:
                        form[name] = part
        elif body:
            return {}, [f"{method}: the body is {content_type or 'of no type'}"]
        params |= read_form(method, form)
        shape = api().methods.get(method)
        for name, upload in uploads.items():
            if shape is not None and name in shape.fields:
                params[name] = upload
        problems = check_call(method, params, uploads)
        for name in uploads:
            if name not in params and f"attach://{name}" not in repr(params):
                problems.append(f"{method}: the file {name} is not asked for")
        return params, problems

    def _protocol(self) -> type[H11Protocol]:
        """A protocol of uvicorn that tells which connection a request came by, so that it can be cut off."""
        connections = self._connections

        class Protocol(H11Protocol):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                super().connection_made(transport)
                connections[tuple(transport.get_extra_info("peername"))] = transport

            def connection_lost(self, exc: Exception | None) -> None:
                connections.pop(tuple(self.transport.get_extra_info("peername")), None)
                super().connection_lost(exc)

        return Protocol


class _Transport(httpx.AsyncBaseTransport):
    """Requests to the Bot API's address, as httpx would send them over the network."""

    def __init__(self, bot_api: BotAPI, elsewhere: httpx.AsyncBaseTransport | None) -> None:
        self._address = httpx.URL(bot_api.address)
        self._inside = httpx.ASGITransport(bot_api, client=("transport", 0))
        self._elsewhere = elsewhere

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if (request.url.scheme, request.url.netloc) != (self._address.scheme, self._address.netloc):
            if self._elsewhere is None:
                raise httpx.ConnectError(f"{request.url.host}: there is no such host in the tests", request=request)
            return await self._elsewhere.handle_async_request(request)
        try:
            async with asyncio.timeout(request.extensions.get("timeout", {}).get("read")):
                return await self._inside.handle_async_request(request)
        except TimeoutError:
            raise httpx.ReadTimeout("no answer", request=request) from None


class _Bell:
    """Wakes those who wait for something to become true, in whatever thread's loop they are."""

    def __init__(self) -> None:
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._lock = threading.Lock()

    def ring(self) -> None:
        with self._lock:
            waiting = list(self._waiting)
        for loop, event in waiting:
            with suppress(RuntimeError):  # its loop is closed already
                loop.call_soon_threadsafe(event.set)

    async def until(self, ready: Callable[[], bool], timeout: float | None = None) -> bool:
        """Whether it became true in time (seconds)."""
        event = asyncio.Event()
        me = asyncio.get_running_loop(), event
        with self._lock:
            self._waiting.add(me)
        try:
            async with asyncio.timeout(timeout):
                while not ready():
                    await event.wait()
                    event.clear()
            return True
        except TimeoutError:
            return False
        finally:
            with self._lock:
                self._waiting.discard(me)


def _answered(calls: list[Call]) -> list[Call]:
    return [call for call in calls if call.status is not None]


def _reply(
    status: int, description: str | None, parameters: Mapping[str, int] | None = None, call: Call | None = None
) -> Response:
    if call is not None:
        call.status = status
    if description is None:
        description = _STATUS_WORDS.get(status, "Error")
        if parameters and "retry_after" in parameters:
            description += f": retry after {parameters['retry_after']}"
    body: Json = {"ok": False, "error_code": status, "description": description}
    if parameters:
        body["parameters"] = dict(parameters)
    return Response(json.dumps(body), status, media_type="application/json")
