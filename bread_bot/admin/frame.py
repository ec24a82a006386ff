"""What frames every page of the site: how little it may do in a browser, who may cause it, and how an error looks."""

import base64
import hashlib
import logging
import re
import secrets

from jinja2.ext import Extension
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette_admin.base import BaseAdmin

from bread_bot.main.database.base import is_unavailable
from bread_bot.utils.tracing import new_request_id, request_id

logger = logging.getLogger(__name__)

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
# Tabs and ends of lines, escaped as often as you like: browsers drop them, so that /<tab>/evil.example is another site.
_DROPPED = re.compile(rb"%(25)*0[9ad]", re.IGNORECASE)

# starlette-admin's two event handlers, the only ones that may run: the lists' page size and choice of columns.
_HANDLERS = ("window.location = this.value", "applyColumnVisibility()")


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


_HANDLER_DIGESTS = " ".join(f"'sha256-{_digest(one)}'" for one in _HANDLERS)
# Its templates and the components it bundles set style attributes; these can't run anything, nor load from elsewhere.
_POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; "
    f"script-src-attr 'unsafe-hashes' {_HANDLER_DIGESTS}; "
    "style-src 'self' 'nonce-{nonce}'; style-src-attr 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class Nonces(Extension):
    """Marks the scripts and styles that stand in templates, and so none that a value might bring in."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """The source of a template with the marks."""
        return re.sub(r"<(script|style)\b", r'<\1 nonce="{{ request.state.nonce }}"', source)


class Frame:
    """The outermost middleware of the site."""

    def __init__(self, app: ASGIApp, admin: BaseAdmin) -> None:
        self.app = app
        self.admin = admin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope = {**scope, "query_string": _DROPPED.sub(b"", scope["query_string"])}
        if scope["method"] == "HEAD":  # to starlette-admin all but GET is a form that was sent
            scope["method"] = "GET"
        request = Request(scope)
        request.state.nonce = nonce = secrets.token_urlsafe(16)
        is_answered = False

        async def send_framed(message: Message) -> None:
            nonlocal is_answered
            is_answered = True
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    headers["content-security-policy"] = _POLICY.format(nonce=nonce)
                    headers["cache-control"] = "no-store"
            await send(message)

        try:
            _refuse_foreign(request)
            await self.app(scope, receive, send_framed)
        except Exception as error:
            if is_answered:
                raise
            await self._page(request, _told(request, error))(scope, receive, send_framed)

    def _page(self, request: Request, error: HTTPException) -> Response:
        return self.admin.templates.TemplateResponse(request, "error.html", {"exc": error}, error.status_code)


def _refuse_foreign(request: Request) -> None:
    """Another site may link here, and cause nothing more; what a browser says of that, no page can change.

    :raises HTTPException: it tries to
    """
    is_foreign = request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
    if is_foreign and request.method not in _SAFE_METHODS:
        raise HTTPException(403, "Another site has caused this request, so it is refused")


def _told(request: Request, error: Exception) -> HTTPException:
    """An error as the page tells it; one that nobody expects is logged."""
    while isinstance(error, ExceptionGroup):  # Starlette's middlewares wrap what receiving has raised
        error = error.exceptions[0]
    if isinstance(error, HTTPException):
        return error
    if is_unavailable(error):
        logger.warning("The database can't be used: %s", type(error).__name__)
        return HTTPException(503, "The database does not answer, try again in a moment")
    number = request_id.get() or new_request_id()
    logger.error("%s %s has failed", request.method, request.url.path, exc_info=error, extra={"error_id": number})
    return HTTPException(500, f"Something is broken here; the log tells what, under {number}")
