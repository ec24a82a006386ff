"""What happens to every request: an id, a span, a line in the log, limits, headers, and errors of one shape."""

import logging
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Body, FastAPI, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, StreamingResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.types import Message, Receive, Scope, Send

from bread_bot.main.settings import settings
from bread_bot.tests.utils.lines import Lines
from bread_bot.utils.base_client import ClientTimeout, ConnectError
from bread_bot.utils.masking import MASK, hide
from bread_bot.utils.middlewares import (
    BodyLimitMiddleware,
    RequestMiddleware,
    TracingMiddleware,
    error_response,
    install_exception_handlers,
)
from bread_bot.utils.structs import ErrorBody
from bread_bot.utils.tracing import current_ids, request_id, span

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Credentials(BaseModel):
    """A form with a secret."""

    username: str
    password: str = Field(min_length=8)


def build() -> FastAPI:
    """An application with every kind of trouble."""
    app = FastAPI()
    install_exception_handlers(app, lambda error: isinstance(error, PoolTimeoutError | ConnectionError))
    app.add_middleware(RequestMiddleware)
    errors: dict[str, Exception] = {
        "value": ValueError("private words"),
        "pool": PoolTimeoutError("no connection"),
        "refused": ConnectionRefusedError(),
        "integrity": IntegrityError("INSERT", {}, Exception("duplicate")),
        "connect": ConnectError("http://x: no route"),
        "timeout": ClientTimeout("http://x does not answer"),
        "conflict": HTTPException(409, "There is one", {"x-more": "1"}),
        "teapot": HTTPException(418, {"is": "tea"}),
    }

    @app.get("/items/{number}")
    async def show(number: int) -> dict[str, Any]:
        with span("inside"):
            return {"number": number, "request_id": request_id.get(), "ids": current_ids()}

    @app.post("/sign-in")
    async def sign_in(credentials: Credentials) -> dict[str, str]:
        return {"access_token": "secret-token", "name": credentials.username}

    @app.post("/form")
    async def take_form(password: Annotated[str, Form()]) -> int:
        return len(password)

    @app.post("/declared")
    async def take_declared(words: Annotated[list[str], Body()]) -> int:
        return len(words)

    @app.post("/raw")
    async def take_raw(request: Request) -> int:
        return len(await request.body())

    @app.get("/errors/{kind}")
    async def fail(kind: str) -> None:
        raise errors[kind]

    @app.get("/half")
    async def answer_half() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"a"
            raise ValueError("half")

        return StreamingResponse(parts())

    @app.get("/page")
    async def show_page() -> HTMLResponse:
        return HTMLResponse("<p>")

    @app.get("/own-policy")
    async def show_own_page() -> HTMLResponse:
        return HTMLResponse("<p>", headers={"content-security-policy": "default-src https:"})

    return app


def connect(app: Callable[[Scope, Receive, Send], Any]) -> httpx.AsyncClient:
    """A client of an application."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bread.bot")


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    """A body of unknown length."""
    for part in parts:
        yield part


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application."""
    async with connect(build()) as client:
        yield client


# ---- the log


async def test_a_request_is_one_line(client: httpx.AsyncClient, lines: Lines) -> None:
    response = await client.post("/raw?token=abc", content=b"12345")
    (line,) = lines.read()
    assert 0 < line.pop("duration_ms") < 60_000
    assert line.pop("timestamp")
    assert len(line.pop("trace_id")) == 32
    assert line == {
        "level": "INFO", "logger": "bread_bot.requests", "message": "POST /raw 200", "span_id": None,
        "app": settings.APP_NAME, "version": settings.VERSION, "env": settings.ENV, "method": "POST", "path": "/raw",
        "status": 200, "request_bytes": 5, "response_bytes": len(response.content), "client": "127.0.0.1",
    }


async def test_bodies_are_shown_at_debug_and_masked(
    client: httpx.AsyncClient, configure: Callable[[], Lines], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = configure()
    form = {"username": "ann", "password": "long-enough"}
    await client.post("/sign-in", json=form)
    assert "request_body" not in lines.read("bread_bot.requests")[0]
    monkeypatch.setattr(settings, "LOG_LEVEL", "DEBUG")
    configure()
    await client.post("/sign-in", json=form)
    await client.post("/form", data={"password": "long-enough", "also": "shown"})
    await client.post("/raw", content=b"<password>long-enough</password>")
    await client.post("/raw", json={"password": "long-enough" + " " * 20_000})
    await client.get("/items/1")
    signed, form_line, raw, long, no_body = lines.read("bread_bot.requests")
    assert signed["request_body"] == {"username": "ann", "password": MASK}
    assert signed["response_body"] == {"access_token": MASK, "name": "ann"}
    assert form_line["request_body"] == {"password": MASK, "also": "shown"}
    assert raw["request_body"] == "not shown: no type"
    assert long["request_body"] == "not shown: application/json"
    assert no_body["request_body"] is None
    assert "long-enough" not in lines.text and "secret-token" not in lines.text


async def test_a_silent_log(
    client: httpx.AsyncClient, configure: Callable[[], Lines], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "LOG_LEVEL", "WARNING")
    lines = configure()
    assert (await client.get("/items/1")).status_code == 200
    assert lines.read() == []


async def test_secrets_in_paths(client: httpx.AsyncClient, lines: Lines, spans: list[Any]) -> None:
    hide("123456:AA-secret")
    await client.get("/bot123456:AA-secret/getMe")
    await client.get("/bot123456%3AAA-secret/getMe" + "x" * 5000)
    assert len(lines.read()) == 2
    assert "AA-secret" not in lines.text and len(lines.text) < 3000
    assert not [one for one in spans if "AA-secret" in one.name + str(one.attributes)]


async def test_what_is_not_http_passes() -> None:
    seen = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    async def receive() -> Message:
        raise AssertionError

    async def send(_: Message) -> None:
        raise AssertionError

    await RequestMiddleware(app)({"type": "lifespan"}, receive, send)
    await RequestMiddleware(build())({"type": "websocket", "path": "/no", "headers": []}, _closed, _ignore)
    assert seen == ["lifespan"]


async def _closed() -> Message:
    return {"type": "websocket.disconnect"}


async def _ignore(_: Message) -> None:
    pass


# ---- traces


async def test_traceparent_in(client: httpx.AsyncClient, spans: list[Any]) -> None:
    response = await client.get("/items/7", headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
    inside, request = spans
    assert response.json() == {"number": 7, "request_id": TRACE, "ids": [TRACE, inside.span_id]}
    assert (request.name, request.parent_span_id, request.span_kind) == ("GET /items/7", PARENT, 1)
    assert request.attributes == {
        "http.method": "GET", "http.path": "/items/7", "http.route": "/items/{number}", "http.status_code": 200,
    }
    assert inside.parent_span_id == request.span_id


async def test_one_server_span_a_request(client: httpx.AsyncClient, spans: list[Any], lines: Lines) -> None:
    await client.get("/items/1")
    await client.get("/errors/value")
    assert [one.span_kind for one in spans] == [0, 1, 1]
    assert spans[0].context.trace_id != spans[2].context.trace_id
    assert spans[2].attributes["error"] == "HTTP 500"
    first, error, second = lines.read()
    assert (first["trace_id"], first["span_id"]) == (spans[1].context.trace_id, spans[1].span_id)
    assert error["trace_id"] == second["trace_id"] == spans[2].context.trace_id


async def test_every_request_has_its_own_id(client: httpx.AsyncClient) -> None:
    ids = {(await client.get("/items/1")).json()["request_id"] for _ in range(3)}
    assert len(ids) == 3 and request_id.get() is None


# ---- limits


@pytest.mark.parametrize("path", ["/raw", "/declared", "/form"])
async def test_a_body_that_says_it_is_too_long(
    client: httpx.AsyncClient, path: str, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "BODY_LIMIT", 10)
    response = await client.post(path, content=b"x" * 11)
    assert (response.status_code, response.json()["code"]) == (413, "too_long")
    assert "10 bytes" in response.json()["detail"]
    assert response.headers["connection"] == "close"
    assert lines.read()[0]["status"] == 413


@pytest.mark.parametrize("path", ["/raw", "/declared", "/form"])
async def test_a_body_that_becomes_too_long(
    client: httpx.AsyncClient, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "BODY_LIMIT", 10)
    kind = "application/x-www-form-urlencoded" if path == "/form" else "application/json"
    response = await client.post(path, content=chunks(b"12345", b"67890", b"1"), headers={"content-type": kind})
    assert (response.status_code, response.json()["code"]) == (413, "too_long")


async def test_a_body_that_just_fits(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "BODY_LIMIT", 10)
    assert (await client.post("/raw", content=b"x" * 10)).json() == 10
    assert (await client.post("/raw", content=chunks(b"12345", b"67890"))).json() == 10


async def test_an_application_may_set_other_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the beginnings of paths; all else keeps to BODY_LIMIT."""
    monkeypatch.setattr(settings, "BODY_LIMIT", 3)
    app = build()
    app.state.body_limits = {"/ra": 10, "/declared": 5}
    async with connect(app) as client:
        for content in (b"x" * 10, chunks(b"12345", b"67890")):
            assert (await client.post("/raw", content=content)).json() == 10
        for content in (b"x" * 11, chunks(b"12345", b"678901")):
            assert "10 bytes" in (await client.post("/raw", content=content)).json()["detail"]
        assert "3 bytes" in (await client.post("/form", content=b"x" * 4)).json()["detail"]


async def test_the_limit_holds_without_fastapi(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "BODY_LIMIT", 3)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["more_body"]:
            pass

    async with connect(BodyLimitMiddleware(app)) as client:
        assert (await client.post("/", content=chunks(b"12", b"34"))).json()["code"] == "too_long"


# ---- headers


async def test_security_headers(client: httpx.AsyncClient) -> None:
    for path in ("/items/1", "/nowhere", "/errors/value", "/page", "/docs"):
        headers = (await client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
    for path, part in (
        ("/items/1", "default-src 'none'"), ("/page", "default-src 'self'"), ("/docs", "https://cdn.jsdelivr.net"),
        ("/redoc", "worker-src blob:"),
    ):
        assert part in (await client.get(path)).headers["content-security-policy"]
    assert (await client.get("/own-policy")).headers.get_list("content-security-policy") == ["default-src https:"]


# ---- errors


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/errors/value", 500, "internal"), ("/errors/integrity", 500, "internal"),
        ("/errors/pool", 503, "database_unavailable"), ("/errors/refused", 503, "database_unavailable"),
        ("/errors/connect", 502, "service_failed"), ("/errors/timeout", 504, "service_timeout"),
        ("/errors/conflict", 409, "conflict"), ("/errors/teapot", 418, "http_418"), ("/nowhere", 404, "not_found"),
        ("/raw", 405, "method_not_allowed"),
    ],
)
async def test_errors_have_one_shape(
    client: httpx.AsyncClient, lines: Lines, path: str, status: int, code: str
) -> None:
    response = await client.get(path)
    body = response.json()
    assert (response.status_code, body["code"]) == (status, code)
    assert set(body) == {"detail", "code", "error_id"}
    assert ErrorBody.model_validate(body)
    logged = lines.read()
    assert {line["trace_id"] for line in logged} == {body["error_id"]}
    assert logged[-1]["status"] == status
    assert "private words" not in response.text
    if status == 500:
        assert logged[0]["level"] == "ERROR" and "Traceback" in logged[0]["exc_info"]
        assert len(logged) == 2


async def test_headers_of_an_error_stay(client: httpx.AsyncClient) -> None:
    assert (await client.get("/errors/conflict")).headers["x-more"] == "1"
    assert (await client.get("/raw")).headers["allow"] == "POST"


async def test_invalid_requests(client: httpx.AsyncClient, lines: Lines) -> None:
    response = await client.post("/sign-in", json={"password": "short"})
    body = response.json()
    assert (response.status_code, body["code"]) == (422, "invalid")
    assert [one["field"] for one in body["errors"]] == ["username", "password"]
    assert "Field required" in body["detail"] and ErrorBody.model_validate(body)
    assert "short" not in response.text.replace("string_too_short", "")
    lines.read()
    assert '"short"' not in lines.text

    assert [one["field"] for one in (await client.get("/items/x")).json()["errors"]] == ["number"]
    headers = {"content-type": "application/json"}
    broken = await client.post("/sign-in", content=b'{"password": "x', headers=headers)
    assert (broken.status_code, [one["field"] for one in broken.json()["errors"]]) == (422, ["body"])
    missing = await client.post("/sign-in")
    assert [one["field"] for one in missing.json()["errors"]] == ["body"]
    many = await client.post("/declared", json=[0] * 1000)
    assert len(many.json()["errors"]) == 50 and many.json()["errors"][1]["field"] == "1"


async def test_half_an_answer_is_broken_off(client: httpx.AsyncClient, lines: Lines) -> None:
    with pytest.raises(ValueError, match="half"):
        await client.get("/half")
    failed, request = lines.read()
    assert "ValueError: half" in failed["exc_info"] and request["message"] == "GET /half 200"


async def test_an_error_of_a_middleware(lines: Lines) -> None:
    app = build()

    def broken(_: Any) -> Callable[[Scope, Receive, Send], Any]:
        async def fail(scope: Scope, receive: Receive, send: Send) -> None:
            raise ValueError("private words")

        return fail

    app.add_middleware(broken)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://bread.bot") as client:
        response = await client.get("/items/1")
    (line,) = lines.read()
    assert (response.status_code, response.json()["code"]) == (500, "internal")
    assert line["trace_id"] == response.json()["error_id"]


def test_an_error_outside_of_a_request() -> None:
    response = error_response(404, "not_found", "No", headers={"x-more": "1"})
    assert len(ErrorBody.model_validate_json(bytes(response.body)).error_id) == 32
    assert response.headers["x-more"] == "1"


async def test_an_answer_is_logged_even_if_none_is_given(lines: Lines) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        async with connect(RequestMiddleware(app)) as client:
            await client.get("/")
    assert lines.read()[0]["status"] == 500


async def test_levels_can_change_while_serving(lines: Lines) -> None:
    async with connect(TracingMiddleware(build())) as client:
        logging.getLogger("bread_bot.requests").setLevel(logging.NOTSET)
        assert (await client.get("/items/1")).status_code == 200
    assert len(lines.read()) == 1
