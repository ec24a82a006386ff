"""What happens to every request besides its own business; pure ASGI, bodies are read once."""

import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bread_bot.main.settings import settings
from bread_bot.utils.base_client import ClientError, ClientTimeout
from bread_bot.utils.masking import masked
from bread_bot.utils.tracing import is_tracing, new_request_id, request_id, server_span

logger = logging.getLogger("bread_bot.requests")

_LONGEST_PATH = 500
_LONGEST_BODY = 16_384
_MOST_ERRORS = 50
_IS_LOGGED = "bread_bot.is_logged"

_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
]
_DATA_POLICY = b"default-src 'none'; frame-ancestors 'none'"
_PAGE_POLICY = (
    b"default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    b"frame-ancestors 'none'"
)
# Swagger's and ReDoc's pages load their scripts from a CDN and hold inline ones.
_DOCS = ("/docs", "/redoc")
_DOCS_POLICY = (
    b"default-src 'none'; connect-src 'self'; img-src 'self' data: https:; worker-src blob:; base-uri 'none'; "
    b"script-src 'unsafe-inline' https://cdn.jsdelivr.net; frame-ancestors 'none'; form-action 'self'; "
    b"style-src 'unsafe-inline' https://cdn.jsdelivr.net https://fonts.googleapis.com; "
    b"font-src https://fonts.gstatic.com"
)

_CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_long",
    422: "invalid",
    429: "too_many_requests",
    503: "unavailable",
}


class RequestMiddleware:
    """All that every request needs: the middlewares below in their order, errors excepted."""

    def __init__(self, app: ASGIApp) -> None:
        limited = SecurityHeadersMiddleware(BodyLimitMiddleware(app))
        self.app = TracingMiddleware(RequestLogMiddleware(limited))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        await self.app(scope, receive, send)


class TracingMiddleware:
    """Gives every request an id and, where tracing is on, a span."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif is_tracing():
            await self._trace(scope, receive, send)
        else:
            token = request_id.set(new_request_id())
            try:
                await self.app(scope, receive, send)
            finally:
                request_id.reset(token)

    async def _trace(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        with server_span(f"{method} {path}", _header(scope, b"traceparent")) as current:
            current.add_attribute("http.method", method)
            current.add_attribute("http.path", path)

            async def send_noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    current.add_attribute("http.status_code", message["status"])
                    if message["status"] >= 500:
                        current.add_attribute("error", f"HTTP {message['status']}")
                    if (route := getattr(scope.get("route"), "path", None)) is not None:
                        current.add_attribute("http.route", route)
                await send(message)

            await self.app(scope, receive, send_noted)


class RequestLogMiddleware:
    """Logs every request in one line; bodies, masked, only at level DEBUG."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not logger.isEnabledFor(logging.INFO):
            await self.app(scope, receive, send)
            return
        kind = _ExchangeWithBodies if logger.isEnabledFor(logging.DEBUG) else _Exchange
        exchange = kind(scope, receive, send)
        try:
            await self.app(scope, exchange.receive, exchange.send)
        finally:
            logger.info(
                "%s %s %d", scope["method"], scope["path"][:_LONGEST_PATH], exchange.status, extra=exchange.fields()
            )


class BodyLimitMiddleware:
    """Refuses bodies over BODY_LIMIT, by what they say of their length and by what comes.

    An application may set other limits by the beginnings of paths: `app.state.body_limits = {"/files": 20_000_000}`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = settings.BODY_LIMIT
        length = _header(scope, b"content-length")
        promised = int(length) if length is not None and length.isdecimal() else 0
        if promised > limit and promised > (limit := _body_limit(scope)):
            await _refusal(TooLong(limit))(scope, receive, send)
            return
        received = 0
        is_answered = False

        async def receive_limited() -> Message:
            nonlocal received, limit
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > limit and received > (limit := _body_limit(scope)):
                    raise TooLong(limit)
            return message

        async def send_noted(message: Message) -> None:
            nonlocal is_answered
            is_answered = True
            await send(message)

        try:
            await self.app(scope, receive_limited, send_noted)
        except TooLong as error:
            if is_answered:
                raise
            await _refusal(error)(scope, receive, send)


def _body_limit(scope: Scope) -> int:
    """The limit of a request; asked only for a body that is longer than others may be."""
    limits = getattr(scope["app"].state, "body_limits", {}) if "app" in scope else {}
    return max((limits[prefix] for prefix in limits if scope["path"].startswith(prefix)), default=settings.BODY_LIMIT)


class SecurityHeadersMiddleware:
    """Tells browsers what they may do with an answer; one that says so itself keeps its own policy."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), *_HEADERS]
                names = dict(headers)
                if b"content-security-policy" not in names:
                    is_page = names.get(b"content-type", b"").startswith(b"text/html")
                    page_policy = _DOCS_POLICY if scope["path"].startswith(_DOCS) else _PAGE_POLICY
                    headers.append((b"content-security-policy", page_policy if is_page else _DATA_POLICY))
                message["headers"] = headers
            await send(message)

        await self.app(scope, receive, send_secured)


class ErrorMiddleware:
    """Answers for what nobody has caught; `answer` makes the answer of an exception."""

    def __init__(self, app: ASGIApp, answer: Callable[[Request, Exception], JSONResponse]) -> None:
        self.app = app
        self.answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_answered = False

        async def send_noted(message: Message) -> None:
            nonlocal is_answered
            is_answered = True
            await send(message)

        try:
            await self.app(scope, receive, send_noted)
        except Exception as error:
            response = self.answer(Request(scope), error)
            if is_answered:  # half of an answer can only be broken off
                scope[_IS_LOGGED] = True
                raise
            await response(scope, receive, send)


class TooLong(HTTPException):
    """A request's body is over the limit."""

    def __init__(self, limit: int) -> None:
        super().__init__(413, f"The body may have {limit} bytes at most", {"connection": "close"})


class _Exchange:
    """A request and its answer on their way: what the log tells of them."""

    __slots__ = ("_scope", "_receive", "_send", "_began", "status", "_received", "_sent")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._began = time.perf_counter()
        self.status = 500
        self._received = self._sent = 0

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif message["type"] == "http.response.body":
            self._sent += len(message.get("body", b""))
        await self._send(message)

    def fields(self) -> dict[str, Any]:
        client = self._scope.get("client")
        return {
            "method": self._scope["method"],
            "path": self._scope["path"][:_LONGEST_PATH],
            "status": self.status,
            "duration_ms": round((time.perf_counter() - self._began) * 1000, 2),
            "request_bytes": self._received,
            "response_bytes": self._sent,
            "client": client[0] if client else None,
        }


class _ExchangeWithBodies(_Exchange):
    __slots__ = ("_request", "_response", "_response_type")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(scope, receive, send)
        self._request, self._response = bytearray(), bytearray()
        self._response_type = ""

    async def receive(self) -> Message:
        message = await super().receive()
        self._request += message.get("body", b"")[: _LONGEST_BODY + 1 - len(self._request)]
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._response_type = dict(message.get("headers", ())).get(b"content-type", b"").decode("latin-1")
        self._response += message.get("body", b"")[: _LONGEST_BODY + 1 - len(self._response)]
        await super().send(message)

    def fields(self) -> dict[str, Any]:
        return super().fields() | {
            "request_body": _shown(bytes(self._request), _header(self._scope, b"content-type") or ""),
            "response_body": _shown(bytes(self._response), self._response_type),
        }


def _shown(body: bytes, content_type: str) -> Any:
    """A body as the log may show it: what can't be masked by its structure is not shown."""
    if not body:
        return None
    if len(body) <= _LONGEST_BODY:
        try:
            if content_type.startswith("application/x-www-form-urlencoded"):
                return masked(dict(parse_qsl(body.decode(), keep_blank_values=True)))
            return masked(json.loads(body))
        except (ValueError, RecursionError):
            pass
    return f"not shown: {content_type or 'no type'}"


def _header(scope: Scope, name: bytes) -> str | None:
    for key, value in scope["headers"]:
        if key == name:
            return str(value.decode("latin-1"))
    return None


# ---- errors


def error_response(
    status: int,
    code: str,
    detail: str,
    errors: list[dict[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """An error in the one shape that all errors have (structs.ErrorBody); its error_id is the request's id in the log.

    :param code: what it is, for programs
    :param errors: what is wrong with which field: `field` and `message` of each
    """
    body: dict[str, Any] = {"detail": detail, "code": code, "error_id": request_id.get() or new_request_id()}
    if errors is not None:
        body["errors"] = errors
    return JSONResponse(body, status, headers)


def install_exception_handlers(app: FastAPI, is_unavailable: Callable[[BaseException], bool]) -> None:
    """Give every error of an application the same shape.

    :param is_unavailable: whether an error means that the database can't be worked with now
    """

    def answer_uncaught(request: Request, error: Exception) -> JSONResponse:
        token = request_id.set(request_id.get() or new_request_id())
        try:
            if is_unavailable(error):
                logger.warning("The database can't be used: %s", type(error).__name__)
                return error_response(
                    503, "database_unavailable", "The database does not answer, try again in a moment"
                )
            if _IS_LOGGED not in request.scope:
                logger.error("%s %s has failed", request.method, request.url.path[:_LONGEST_PATH], exc_info=error)
            return error_response(500, "internal", "Something is broken here; the log tells what, under this error_id")
        finally:
            request_id.reset(token)

    app.add_exception_handler(HTTPException, _answer_refused)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(ClientError, _answer_client_error)
    # For errors of the middlewares around this one: Starlette raises them again, for the server to log them, too.
    app.add_exception_handler(Exception, answer_uncaught)
    app.add_middleware(ErrorMiddleware, answer=answer_uncaught)


async def _answer_refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return _refusal(error)


def _refusal(error: HTTPException) -> JSONResponse:
    code = _CODES.get(error.status_code, f"http_{error.status_code}")
    return error_response(error.status_code, code, str(error.detail), headers=error.headers)


async def _answer_invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    fields = [{"field": _field(one), "message": str(one["msg"])} for one in error.errors()[:_MOST_ERRORS]]
    detail = "The request is not valid: " + "; ".join(f"{one['field']}: {one['message']}" for one in fields)
    return error_response(422, "invalid", detail, fields)


def _field(error: Mapping[str, Any]) -> str:
    if error["type"] == "json_invalid":  # its place is a position in the text
        return "body"
    path = [str(part) for part in error["loc"]]
    return ".".join(path[1:] or path)


async def _answer_client_error(_: Request, error: Exception) -> JSONResponse:
    if isinstance(error, ClientTimeout):
        return error_response(504, "service_timeout", "A service that is needed for this does not answer in time")
    return error_response(502, "service_failed", "A service that is needed for this can't be used now")
