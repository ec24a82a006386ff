"""Where finished spans are sent: OpenCensus's exporters for Azure and Zipkin, each in a thread of its own.

What can't be sent waits and is sent later, up to a limit. OpenCensus's own queues have no limit or log what they drop
span by span, its Zipkin exporter drops what it can't send, and so does the one for Azure once its own statistics, which
call home, are off.
"""

import json
import logging
import os
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
from opencensus.trace.span_data import SpanData

from bread_bot.main.settings import settings

os.environ["APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL"] = "true"

logger = logging.getLogger(__name__)

PERIOD = 2.0
TIMEOUT = 5.0
KEPT_SPANS = 10_000
BATCH = 500


class Unreachable(Exception):
    """The endpoint can't take spans now."""


class Exporter:
    """Sends spans from a thread of its own."""

    name: str
    url: str

    def __init__(self) -> None:
        self._waiting: deque[SpanData] = deque(maxlen=KEPT_SPANS)
        self._batch: list[SpanData] = []
        self._is_failing = False
        self._is_closing = False
        self._wake = threading.Event()
        self._client = httpx.Client(timeout=TIMEOUT, follow_redirects=True)
        self._thread = threading.Thread(target=self._work, name=f"spans to {self.name}", daemon=True)
        self._thread.start()

    def take(self, span: SpanData) -> None:
        """Send a span soon; the oldest gives way where too many wait."""
        self._waiting.append(span)
        if len(self._waiting) == BATCH:
            self._wake.set()

    def close(self) -> None:
        """Send what waits, if it takes no longer than one call may take."""
        self._is_closing = True
        self._wake.set()
        self._thread.join(TIMEOUT)

    def write(self, spans: Sequence[SpanData]) -> Any:
        """Spans as the endpoint takes them, in JSON's words."""
        raise NotImplementedError

    def _work(self) -> None:
        with self._client:
            while not self._is_closing:
                self._wake.wait(PERIOD)
                self._wake.clear()
                self._send_all()
        if left := len(self._batch) + len(self._waiting):
            logger.warning("%d spans have not reached %s", left, self.name)

    def _send_all(self) -> None:
        while self._waiting or self._batch:
            while self._waiting and len(self._batch) < BATCH:
                self._batch.append(self._waiting.popleft())
            try:
                self._send(self._batch)
            except Unreachable as error:
                if not self._is_failing:
                    logger.warning("%s takes no spans now (%s); they wait, %d at most", self.name, error, KEPT_SPANS)
                self._is_failing = True
                return
            except Exception:
                logger.exception("%d spans can't be sent to %s", len(self._batch), self.name)
            else:
                self._is_failing = False
            self._batch.clear()

    def _send(self, spans: Sequence[SpanData]) -> None:
        body = json.dumps(self.write(spans), default=str).encode()
        try:
            response = self._client.post(self.url, content=body, headers={"content-type": "application/json"})
        except httpx.TransportError as error:
            raise Unreachable(type(error).__name__) from None
        if response.status_code in (408, 429) or response.status_code >= 500:
            raise Unreachable(f"HTTP {response.status_code}")
        if not response.is_success or response.status_code == httpx.codes.PARTIAL_CONTENT:
            logger.warning("%s has refused spans: HTTP %d", self.name, response.status_code)


class Zipkin(Exporter):
    """Zipkin's API, version 2."""

    name = "Zipkin"

    def __init__(self, url: str) -> None:
        from opencensus.ext.zipkin.trace_exporter import DEFAULT_ENDPOINT, ZipkinExporter

        parts = httpx.URL(url)
        self.url = str(parts.copy_with(path=DEFAULT_ENDPOINT) if parts.path == "/" else parts)
        self._format = ZipkinExporter(service_name=settings.APP_NAME, port=settings.PORT)
        super().__init__()

    def write(self, spans: Sequence[SpanData]) -> Any:
        """A list of Zipkin's spans."""
        return self._format.translate_to_zipkin(spans)


class Azure(Exporter):
    """Application Insights."""

    name = "Azure"

    def __init__(self, connection_string: str) -> None:
        from opencensus.ext.azure.common import Options, utils
        from opencensus.ext.azure.trace_exporter import AzureExporter

        # Made without its __init__, which would start threads, a store in /tmp and statistics.
        self._format = AzureExporter.__new__(AzureExporter)
        pairs = [pair.strip() for pair in connection_string.split(";") if pair.strip()]
        self._format.options = Options(connection_string=";".join(pairs))
        self._tags = utils.azure_monitor_context | {
            "ai.cloud.role": settings.APP_NAME,
            "ai.application.ver": settings.VERSION,
        }
        self.url = self._format.options.endpoint.rstrip("/") + "/v2.1/track"
        super().__init__()

    def write(self, spans: Sequence[SpanData]) -> Any:
        """A list of Application Insights' envelopes."""
        envelopes = []
        for span in spans:
            for envelope in self._format.span_data_to_envelope(span):
                envelope.tags |= self._tags
                if span.status.code:  # OpenCensus thinks that nothing can fail inside of a process
                    envelope.data.baseData.success = False
                envelopes.append(envelope)
        return envelopes


def exporters() -> Iterator[Exporter]:
    """Start the exporters that the settings name."""
    if settings.ZIPKIN_URL is not None:
        yield Zipkin(settings.ZIPKIN_URL)
    if settings.APPLICATIONINSIGHTS_CONNECTION_STRING is not None:
        yield Azure(settings.APPLICATIONINSIGHTS_CONNECTION_STRING.get_secret_value())
