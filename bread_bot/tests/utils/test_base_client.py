"""Calls to a real server on loopback, well and ill behaved."""

import gzip
import logging
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from bread_bot.tests.utils.endpoint import DEADLINE, Answered, Arrived, Endpoint
from bread_bot.utils import base_client
from bread_bot.utils.base_client import (
    BaseHTTPClient,
    ClientError,
    ClientTimeout,
    ConnectError,
    DecodeError,
    StatusError,
    TooLarge,
    close_pool,
    open_pool,
)
from bread_bot.utils.masking import MASK, hide
from bread_bot.utils.tracing import server_span


class Secretive(BaseHTTPClient):
    """A client whose paths are nobody's business."""

    def public_url(self, url: httpx.URL) -> str:
        return f"{url.scheme}://{url.host}/***"


@pytest.fixture
def client(endpoint: Endpoint) -> BaseHTTPClient:
    """A client of the server."""
    return BaseHTTPClient(endpoint.url + "/", timeout=5, headers={"x-own": "1"}, max_bytes=1000)


@pytest.fixture
def hanging(endpoint: Endpoint) -> Iterator[None]:
    """The server answers only when the test is over."""
    released = threading.Event()

    def hang(_: Arrived) -> Answered:
        released.wait(DEADLINE)
        return Answered()

    endpoint.answer = hang
    yield
    released.set()


async def test_json_in_and_out(client: BaseHTTPClient, endpoint: Endpoint) -> None:
    endpoint.answer = lambda _: Answered(body='{"слово": "хлеб"}'.encode())
    assert await client.get_json("/words", params={"q": "а б", "n": 1}) == {"слово": "хлеб"}
    assert await client.post_json("/words", {"один": [1]}, headers={"x-more": "2"}) == {"слово": "хлеб"}
    got, posted = endpoint.arrived
    assert (got.method, got.path, got.headers["x-own"]) == ("GET", "/words?q=%D0%B0+%D0%B1&n=1", "1")
    assert (posted.json, posted.headers["content-type"]) == ({"один": [1]}, "application/json")
    assert (posted.headers["x-own"], posted.headers["x-more"]) == ("1", "2")


async def test_forms_and_files(client: BaseHTTPClient, endpoint: Endpoint) -> None:
    response = await client.request("POST", "/x", data={"a": "1"}, files={"photo": ("a.png", b"\x89PNG", "image/png")})
    assert (response.status_code, response.content, response.text, response.json()) == (200, b"{}", "{}", {})
    assert b"\x89PNG" in endpoint.arrived[0].body and b'name="a"' in endpoint.arrived[0].body


async def test_one_pool(client: BaseHTTPClient, endpoint: Endpoint) -> None:
    pool = open_pool()
    endpoint.answer = lambda _: Answered(headers={"set-cookie": "a=1"})
    await client.get_json("/a")
    await BaseHTTPClient(endpoint.url).get_json("/b")
    assert open_pool() is pool and not pool.is_closed
    assert "cookie" not in endpoint.arrived[1].headers
    await close_pool()
    await close_pool()
    assert pool.is_closed and open_pool() is not pool


async def test_a_transport_of_a_test(client: BaseHTTPClient) -> None:
    open_pool(httpx.MockTransport(lambda request: httpx.Response(200, json={"path": request.url.path})))
    assert await client.get_json("/here") == {"path": "/here"}


async def test_status(client: BaseHTTPClient, endpoint: Endpoint) -> None:
    endpoint.answer = lambda _: Answered(429, b'{"parameters": {"retry_after": 3}}', {"retry-after": "3"})
    with pytest.raises(StatusError) as caught:
        await client.get_json("/x")
    error = caught.value
    assert (error.status, error.headers["retry-after"]) == (429, "3") and b"retry_after" in error.body
    assert str(error) == f"{endpoint.url}/x: HTTP 429"


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b"\xff"])
async def test_no_json(client: BaseHTTPClient, endpoint: Endpoint, body: bytes) -> None:
    endpoint.answer = lambda _: Answered(body=body)
    with pytest.raises(DecodeError):
        await client.get_json("/x")


@pytest.mark.parametrize("is_packed", [False, True])
async def test_too_large(client: BaseHTTPClient, endpoint: Endpoint, is_packed: bool) -> None:
    body = b"x" * 1001
    packed = Answered(body=gzip.compress(body), headers={"content-encoding": "gzip"})
    endpoint.answer = lambda _: packed if is_packed else Answered(body=body)
    with pytest.raises(TooLarge):
        await client.request("GET", "/x")
    endpoint.answer = lambda _: Answered(body=body[:-1])
    assert len((await client.request("GET", "/x")).content) == 1000


async def test_packed(client: BaseHTTPClient, endpoint: Endpoint) -> None:
    endpoint.answer = lambda _: Answered(body=gzip.compress(b"[1]"), headers={"content-encoding": "gzip"})
    assert await client.get_json("/x") == [1]


@pytest.mark.usefixtures("hanging")
async def test_timeout(endpoint: Endpoint) -> None:
    for timeout in (0.05, None):
        with pytest.raises(ClientTimeout):
            await BaseHTTPClient(endpoint.url, timeout=0.1).request("GET", "/x", timeout=timeout)


async def test_a_timeout_is_of_the_whole_call(endpoint: Endpoint) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        stopped = threading.Event()

        def trickle() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                while not stopped.wait(0.02):
                    try:
                        connection.sendall(b".")
                    except OSError:
                        return

        thread = threading.Thread(target=trickle)
        thread.start()
        with pytest.raises(ClientTimeout):
            await BaseHTTPClient(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=0.2).request("GET")
        stopped.set()
        thread.join(DEADLINE)


async def test_refused(client: BaseHTTPClient, endpoint: Endpoint) -> None:
    endpoint.stop()
    with pytest.raises(ConnectError):
        await client.get_json("/x")


async def test_broken_off(client: BaseHTTPClient, endpoint: Endpoint) -> None:
    endpoint.answer = lambda _: Answered(body=b"x", headers={"content-length": "5", "connection": "close"})
    with pytest.raises(ConnectError):
        await client.get_json("/x")


async def test_no_address(client: BaseHTTPClient) -> None:
    with pytest.raises(ClientError):
        await client.get_json("/\0")
    with pytest.raises(ClientError):
        await BaseHTTPClient("ftp://127.0.0.1").request("GET")


async def test_redirects(client: BaseHTTPClient, endpoint: Endpoint) -> None:
    moved = Answered(302, b"", {"location": "/there"})
    endpoint.answer = lambda arrived: moved if arrived.path == "/here" else Answered()
    assert await client.get_json("/here") == {}
    assert (await client.request("POST", "/here")).status_code == 302
    endpoint.answer = lambda _: moved
    with pytest.raises(ConnectError):
        await client.get_json("/here")


async def test_traces(client: BaseHTTPClient, endpoint: Endpoint, spans: list[Any]) -> None:
    endpoint.answer = lambda arrived: Answered(503 if arrived.path == "/broken" else 200)
    with server_span("request"):
        await client.get_json("/x?token=abc", params={"q": "private"})
        with pytest.raises(StatusError):
            await client.get_json("/broken")
        await BaseHTTPClient(endpoint.url, propagate=True).get_json("/ours")
    good, bad, ours, request = spans
    assert (good.name, good.span_kind) == (f"GET {endpoint.url}/x", 2)
    assert good.attributes == {
        "component": "http", "http.method": "GET", "http.url": f"{endpoint.url}/x", "http.status_code": 200,
    }
    assert (bad.attributes["http.status_code"], bad.attributes["error"]) == (503, "StatusError")
    assert {one.parent_span_id for one in (good, bad, ours)} == {request.span_id}
    sent = [one.headers.get("traceparent") for one in endpoint.arrived]
    assert sent == [None, None, f"00-{ours.context.trace_id}-{ours.span_id}-01"]


async def test_secrets_do_not_show(endpoint: Endpoint, spans: list[Any], caplog: pytest.LogCaptureFixture) -> None:
    hide("123456:AA-secret")
    caplog.set_level(logging.DEBUG, logger=base_client.logger.name)
    client = BaseHTTPClient(endpoint.url.replace("//", "//user:key@"))
    errors = []
    with server_span("request"):
        await client.get_json("/bot123456:AA-secret/getMe?token=abc")
        endpoint.answer = lambda _: Answered(500)
        for _ in range(2):
            with pytest.raises(ClientError) as caught:
                await client.get_json("/bot123456:AA-secret/getMe?token=abc")
            errors.append(str(caught.value))
            endpoint.stop()
            await close_pool()
        with pytest.raises(ConnectError):
            await Secretive(endpoint.url).get_json("/hidden-path")
    shown = caplog.text + repr(errors) + repr([(one.name, one.attributes) for one in spans])
    for secret in ("AA-secret", "abc", "user:key", "hidden-path"):
        assert secret not in shown
    assert f"/bot{MASK}/getMe" in shown
    levels = [record.levelname for record in caplog.records if record.name == base_client.logger.name]
    assert levels == ["DEBUG", "WARNING", "WARNING", "WARNING"]
