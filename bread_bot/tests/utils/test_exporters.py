"""Both exporters talk to a real endpoint, which may be down for a while."""

import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from bread_bot.main.settings import settings
from bread_bot.tests.utils.endpoint import DEADLINE, Answered, Arrived, Endpoint
from bread_bot.utils import exporters
from bread_bot.utils.masking import hide
from bread_bot.utils.tracing import client_span, configure_tracing, is_tracing, server_span, shutdown_tracing, span

# What opencensus.ext.azure does when it is loaded.
pytestmark = [
    pytest.mark.filterwarnings("ignore:'locale.getdefaultlocale' is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning"),
]

KEY = "12345678-1234-1234-1234-123456789abc"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEADER = f"00-{TRACE}-{PARENT}-01"


def use(kinds: str, endpoint: Endpoint, patch: pytest.MonkeyPatch) -> None:
    """Export to an endpoint as Zipkin, Azure or both."""
    patch.setattr(settings, "ENABLE_TELEMETRY", True)
    patch.setattr(settings, "ZIPKIN_URL", f"{endpoint.url}/api/v2/spans" if "zipkin" in kinds else None)
    connection = SecretStr(f"InstrumentationKey={KEY}; IngestionEndpoint={endpoint.url}/;")
    patch.setattr(settings, "APPLICATIONINSIGHTS_CONNECTION_STRING", connection if "azure" in kinds else None)


def names(arrived: list[Arrived]) -> list[str]:
    """The names of the spans that an endpoint has taken."""
    found = []
    for one in (one for request in arrived for one in request.json):
        found.append(one["data"]["baseData"]["name"] if "data" in one else one["name"])
    return found


def trace() -> None:
    """A request with something inside."""
    with server_span("GET /chats", HEADER) as request:
        request.add_attribute("http.method", "GET")
        request.add_attribute("http.path", "/chats")
        request.add_attribute("http.route", "/chats")
        request.add_attribute("http.status_code", 200)
        with span("unit"), client_span("GET http://x/y", **{"http.method": "GET", "http.url": "http://x/y"}):
            pass


@pytest.fixture(params=["zipkin", "azure"])
def kind(request: pytest.FixtureRequest) -> str:
    """One exporter after the other."""
    return str(request.param)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Exporters that don't wait long, and don't stay."""
    monkeypatch.setattr(exporters, "PERIOD", 0.02)
    yield
    assert not [one for one in threading.enumerate() if one.name.startswith("spans to")]


async def test_zipkin(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    use("zipkin", endpoint, monkeypatch)
    configure_tracing()
    trace()
    await shutdown_tracing()
    assert not is_tracing()
    assert {(one.method, one.path) for one in endpoint.arrived} == {("POST", "/api/v2/spans")}
    call, unit, request = [one for arrived in endpoint.arrived for one in arrived.json]
    assert [one["name"] for one in (call, unit, request)] == ["GET http://x/y", "unit", "GET /chats"]
    assert {one["traceId"] for one in (call, unit, request)} == {TRACE}
    assert (call["parentId"], unit["parentId"], request["parentId"]) == (unit["id"], request["id"], PARENT)
    assert (call["kind"], request["kind"], "kind" in unit) == ("CLIENT", "SERVER", False)
    assert request["localEndpoint"]["serviceName"] == settings.APP_NAME
    assert request["tags"]["http.status_code"] == "200"
    assert abs(request["timestamp"] / 1e6 - time.time()) < 60 and request["duration"] >= call["duration"]


async def test_azure(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    use("azure", endpoint, monkeypatch)
    configure_tracing()
    trace()
    with pytest.raises(ValueError), server_span("broken"), span("inner"):
        raise ValueError
    await shutdown_tracing()
    assert {(one.method, one.path) for one in endpoint.arrived} == {("POST", "/v2.1/track")}
    envelopes = [one for arrived in endpoint.arrived for one in arrived.json]
    call, unit, request, inner, broken = envelopes
    assert {one["iKey"] for one in envelopes} == {KEY}
    assert {one["tags"]["ai.cloud.role"] for one in envelopes} == {settings.APP_NAME}
    assert {one["tags"]["ai.operation.id"] for one in (call, unit, request)} == {TRACE}
    ids = [one["data"]["baseData"]["id"] for one in envelopes]
    assert [one["tags"].get("ai.operation.parentId") for one in envelopes] == [ids[1], ids[2], PARENT, ids[4], None]
    assert [one["data"]["baseType"] for one in (call, unit, request)] == ["RemoteDependencyData"] * 2 + ["RequestData"]
    assert request["data"]["baseData"]["name"] == "GET /chats"
    assert request["data"]["baseData"]["responseCode"] == "200"
    assert [one["data"]["baseData"]["success"] for one in envelopes] == [True, True, True, False, False]


async def test_both(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    use("zipkin and azure", endpoint, monkeypatch)
    configure_tracing()
    configure_tracing()
    trace()
    await shutdown_tracing()
    assert sorted(one.path for one in endpoint.arrived for _ in one.json) == ["/api/v2/spans"] * 3 + ["/v2.1/track"] * 3


async def test_a_zipkin_address_without_a_path(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    use("zipkin", endpoint, monkeypatch)
    monkeypatch.setattr(settings, "ZIPKIN_URL", endpoint.url)
    configure_tracing()
    trace()
    await shutdown_tracing()
    assert endpoint.arrived[0].path == "/api/v2/spans"


async def test_sent_without_being_closed(endpoint: Endpoint, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(kind, endpoint, monkeypatch)
    configure_tracing()
    trace()
    endpoint.wait(lambda arrived: len(names(arrived)) == 3)
    trace()
    endpoint.wait(lambda arrived: len(names(arrived)) == 6)
    await shutdown_tracing()


@pytest.mark.parametrize("how", ["refused", "broken off", 429, 503])
async def test_down_for_a_while(
    endpoint: Endpoint, kind: str, how: str | int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    use(kind, endpoint, monkeypatch)
    told = _Told()
    exporters.logger.addHandler(told)
    if how == "refused":
        endpoint.stop()
    elif how == "broken off":
        endpoint.answer = lambda _: Answered(headers={"content-length": "10"}, body=b"")
        monkeypatch.setattr(exporters, "TIMEOUT", 0.2)
    else:
        endpoint.answer = lambda _: Answered(status=int(how))
    configure_tracing()
    trace()
    assert told.once.wait(DEADLINE)
    trace()
    endpoint.arrived.clear()
    endpoint.answer = lambda _: Answered()
    if how == "refused":
        endpoint.start()
    endpoint.wait(lambda arrived: len(names(arrived)) >= 6)
    await shutdown_tracing()
    exporters.logger.removeHandler(told)
    assert len([record for record in caplog.records if record.name == exporters.logger.name]) == 1
    assert KEY not in caplog.text


async def test_down_at_the_end(
    endpoint: Endpoint, kind: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    use(kind, endpoint, monkeypatch)
    endpoint.stop()
    configure_tracing()
    trace()
    await shutdown_tracing()
    assert "3 spans have not reached" in caplog.text


async def test_an_endpoint_that_hangs_does_not_hold_the_end(
    endpoint: Endpoint, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(kind, endpoint, monkeypatch)
    monkeypatch.setattr(exporters, "TIMEOUT", 0.3)
    released = threading.Event()

    def hang(_: Arrived) -> Answered:
        released.wait(DEADLINE)
        return Answered()

    endpoint.answer = hang
    configure_tracing()
    trace()
    began = time.monotonic()
    await shutdown_tracing()
    assert time.monotonic() - began < 3
    released.set()
    for thread in threading.enumerate():
        if thread.name.startswith("spans to"):
            thread.join(DEADLINE)


async def test_refused_spans_are_not_sent_again(
    endpoint: Endpoint, kind: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    use(kind, endpoint, monkeypatch)
    endpoint.answer = lambda _: Answered(status=400)
    configure_tracing()
    with server_span("first"):
        pass
    endpoint.wait(lambda arrived: len(arrived) == 1)
    with server_span("second"):
        pass
    await shutdown_tracing()
    assert [len(one.json) for one in endpoint.arrived] == [1, 1]
    assert "refused spans: HTTP 400" in caplog.text


async def test_what_waits_has_a_limit(endpoint: Endpoint, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(kind, endpoint, monkeypatch)
    monkeypatch.setattr(exporters, "KEPT_SPANS", 20)
    monkeypatch.setattr(exporters, "BATCH", 10)
    told = _Told()
    exporters.logger.addHandler(told)
    endpoint.stop()
    configure_tracing()
    with server_span("0"):
        pass
    assert told.once.wait(DEADLINE)
    for number in range(1, 100):
        with server_span(str(number)):
            pass
    endpoint.start()
    await shutdown_tracing()
    exporters.logger.removeHandler(told)
    sent = [one for request in endpoint.arrived for one in request.json]
    assert 20 <= len(sent) <= 31
    assert max(len(request.json) for request in endpoint.arrived) <= 10


async def test_secrets_are_not_exported(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    use("zipkin and azure", endpoint, monkeypatch)
    hide("123456:AA-secret")
    configure_tracing()
    with server_span("GET /bot123456:AA-secret"), span("x", url="http://x/bot123456%3AAA-secret/y"):
        pass
    await shutdown_tracing()
    assert len(endpoint.arrived) >= 2
    for one in endpoint.arrived:
        assert b"AA-secret" not in one.body


class _Told(logging.Handler):
    """Tells when something has been logged."""

    def __init__(self) -> None:
        super().__init__()
        self.once = threading.Event()

    def emit(self, record: Any) -> None:
        self.once.set()
