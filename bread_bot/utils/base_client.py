"""Calls to other services: one pooled HTTP client a process, with limits, typed errors, traces and masked logs."""

import asyncio
import logging
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx
import orjson

from bread_bot.utils.masking import without_secrets
from bread_bot.utils.tracing import client_span, traceparent

logger = logging.getLogger(__name__)

_POOL = httpx.Limits(max_connections=100, max_keepalive_connections=50, keepalive_expiry=30)


class ClientError(Exception):
    """A service can't be used now, or answers what it should not."""


class ConnectError(ClientError):
    """There is no connection, or it broke off."""


class ClientTimeout(ClientError):
    """The service takes too long."""


class StatusError(ClientError):
    """The service answers with an error's status."""

    def __init__(self, status: int, body: bytes, headers: Mapping[str, str], where: str = "") -> None:
        super().__init__(f"{where}: HTTP {status}" if where else f"HTTP {status}")
        self.status = status
        self.body = body
        self.headers = headers


class DecodeError(ClientError):
    """The answer is not JSON."""


class TooLarge(ClientError):
    """The answer is longer than allowed."""


class _Pool:
    client: httpx.AsyncClient | None = None


def open_pool(transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """Open the client that all services share, unless it is open; `transport` stands for the network in tests."""
    if _Pool.client is None or transport is not None:
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))  # one service's would be another caller's
        _Pool.client = httpx.AsyncClient(transport=transport, limits=_POOL, max_redirects=3, cookies=no_cookies)
    return _Pool.client


async def close_pool() -> None:
    """Close all connections."""
    client, _Pool.client = _Pool.client, None
    if client is not None:
        await client.aclose()


class BaseHTTPClient:
    """The base of every client of an outside service.

    Times are seconds, of a whole call; `max_bytes` is the longest answer; `propagate` sends traceparent along, for
    services that are ours. Every call may raise one of ClientError's kinds; none is tried again.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout: float = 10.0,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = 10_000_000,
        propagate: bool = False,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.timeout = timeout
        self.headers = dict(headers or {})
        self.max_bytes = max_bytes
        self.propagate = propagate

    def public_url(self, url: httpx.URL) -> str:
        """The address as logs, traces and errors may show it: without user, query and fragment."""
        return f"{url.scheme}://{url.netloc.decode()}{url.path}"

    async def request(
        self,
        method: str,
        path: str = "",
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: Mapping[str, Any] | None = None,
        files: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> httpx.Response:
        """Make a call and read the whole answer; redirects are followed for GET alone.

        :raises ClientError: no answer in time, an answer that is too long, or an error's status
        """
        seconds = self.timeout if timeout is None else timeout
        client = open_pool()
        content = None
        sent_headers = {**self.headers, **(headers or {})}
        if json is not None:
            content = orjson.dumps(json)
            sent_headers.setdefault("content-type", "application/json")
        try:
            request = client.build_request(
                method, self.base_url + path, params=params, content=content, data=data, files=files,
                headers=sent_headers, timeout=seconds,
            )
        except httpx.InvalidURL:
            raise ClientError("The address of a call is not valid") from None
        where = self._shown(request.url)
        attributes = {"component": "http", "http.method": method, "http.url": where}
        with client_span(f"{method} {where}", **attributes) as span:
            if self.propagate and (parent := traceparent()) is not None:
                request.headers["traceparent"] = parent
            try:
                async with asyncio.timeout(seconds):
                    response = await self._receive(client, request)
                span.add_attribute("http.status_code", response.status_code)
                if response.is_error:
                    raise StatusError(response.status_code, response.content, response.headers, where)
            except (httpx.TimeoutException, TimeoutError):
                failure: ClientError = ClientTimeout(f"{where} does not answer in time")
            except httpx.HTTPError as error:
                failure = ConnectError(f"{where}: {type(error).__name__}")
            except ClientError as error:
                failure = error
            else:
                logger.debug("%s %s: HTTP %d", method, where, response.status_code)
                return response
            logger.warning("%s has failed: %s", method, failure)
            raise failure from None

    async def get_json(self, path: str = "", **options: Any) -> Any:
        """Get plain JSON; the options are those of `request`.

        :raises DecodeError: the answer is something else
        """
        return self.json(await self.request("GET", path, **options))

    async def post_json(self, path: str = "", json: Any = None, **options: Any) -> Any:
        """Post plain JSON and get plain JSON; the options are those of `request`.

        :raises DecodeError: the answer is something else
        """
        return self.json(await self.request("POST", path, json=json, **options))

    def json(self, response: httpx.Response) -> Any:
        """The plain JSON of an answer.

        :raises DecodeError: it is something else
        """
        try:
            return orjson.loads(response.content)
        except ValueError:
            failure = DecodeError(f"{self._shown(response.url)} answers no JSON")
        logger.warning("%s", failure)
        raise failure

    def _shown(self, url: httpx.URL) -> str:
        return without_secrets(self.public_url(url))

    async def _receive(self, client: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
        response = await client.send(request, stream=True, follow_redirects=request.method == "GET")
        try:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > self.max_bytes:
                    raise TooLarge(f"{self._shown(request.url)} answers more than {self.max_bytes} bytes")
        finally:
            await response.aclose()
        response._content = bytes(body)  # so that .content and .text work as after an ordinary read
        return response
