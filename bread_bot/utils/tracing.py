"""Traces by OpenCensus: one server span a request, with child spans for what it waits for.

Nothing is traced until an exporter or a listener wants the spans; then `span()` hands out a shared object that does
nothing, and OpenCensus is not even loaded.
"""

import asyncio
import logging
import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar, Token
from datetime import UTC, datetime
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from weakref import WeakSet

from sqlalchemy import Engine, event
from sqlalchemy.ext.asyncio import AsyncEngine

from bread_bot.main.settings import settings
from bread_bot.utils.masking import without_secrets

if TYPE_CHECKING:
    from opencensus.trace.span import Span
    from opencensus.trace.span_context import SpanContext
    from opencensus.trace.span_data import SpanData

    from bread_bot.utils.exporters import Exporter

logger = logging.getLogger(__name__)

_SERVER, _CLIENT, _INNER = 1, 2, 0
_UNKNOWN_ERROR = 2
# W3C's traceparent; versions to come may say more at its end.
_TRACEPARENT = re.compile(
    r"(?!ff)(?!00.{53}-)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?"
)
_LONGEST_STATEMENT = 1000

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""What the errors and log lines of a request are found by: its trace id, or a random one where nothing is traced."""

# One span as a rule, none where nothing is traced, several where work is done for several traces at once.
_Spans = tuple[tuple["SpanContext", Any], ...]
_current: ContextVar[_Spans] = ContextVar("spans", default=())


class AnySpan(Protocol):
    """What a `with span(...)` gives."""

    def add_attribute(self, attribute_key: str, attribute_value: str | int | float | bool) -> None:
        """Note something about it, without secrets."""


class _NoSpan:
    """Stands for a span where nothing is traced."""

    def __enter__(self) -> AnySpan:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def add_attribute(self, attribute_key: str, attribute_value: str | int | float | bool) -> None:
        pass


class _Begun:
    """The span of a `with`, in as many traces as it stands for."""

    def __init__(self, spans: _Spans) -> None:
        self._spans = spans

    def add_attribute(self, attribute_key: str, attribute_value: str | int | float | bool) -> None:
        for _, begun in self._spans:
            begun.add_attribute(attribute_key, attribute_value)


class _Remote:
    """The parent of a trace's first span here: a span of somebody else, or none."""

    def __init__(self, span_id: str | None) -> None:
        self.span_id = span_id


_NO_SPAN = _NoSpan()
_listeners: "tuple[Callable[[SpanData], None], ...]" = ()
# Watched once somebody wants spans: watching alone costs 4 µs a statement.
_engines: WeakSet[Engine] = WeakSet()
_exporters: "list[tuple[Exporter, Callable[[], None]]]" = []


def configure_tracing() -> None:
    """Export spans to where the settings say, if ENABLE_TELEMETRY does."""
    if not settings.ENABLE_TELEMETRY or _exporters:
        return
    if settings.ZIPKIN_URL is None and settings.APPLICATIONINSIGHTS_CONNECTION_STRING is None:
        return
    from bread_bot.utils.exporters import exporters  # OpenCensus's exporters are slow to load

    for exporter in exporters():
        _exporters.append((exporter, add_span_listener(exporter.take)))


async def shutdown_tracing() -> None:
    """Send the spans that still wait, for a few seconds at most, and close the exporters."""
    closing = _exporters[:]
    _exporters.clear()
    for _, forget in closing:
        forget()
    await asyncio.gather(*(asyncio.to_thread(exporter.close) for exporter, _ in closing))


def is_tracing() -> bool:
    """Whether somebody wants the spans."""
    return bool(_listeners)


def add_span_listener(listener: "Callable[[SpanData], None]") -> Callable[[], None]:
    """Call a function with every finished span, in the thread that has finished it.

    :return: a function that ends this
    """
    global _listeners
    _listeners = (*_listeners, listener)
    _watch_engines()

    def forget() -> None:
        global _listeners
        _listeners = tuple(other for other in _listeners if other is not listener)

    return forget


def new_request_id() -> str:
    """An id in the shape of a trace id."""
    return f"{random.getrandbits(128):032x}"


@contextmanager
def server_span(name: str, parent: str | None = None) -> Iterator[AnySpan]:
    """The first span of a request, in the trace of its traceparent header if it has one.

    A trace that the caller samples is sampled here, of others TRACE_SAMPLING_RATE is; logs know the trace's id anyway.
    """
    if not _listeners:
        yield _NO_SPAN
        return
    from opencensus.trace.samplers import ProbabilitySampler

    context, remote = _read_traceparent(parent)
    id_token = request_id.set(context.trace_id)
    try:
        is_sampled = ProbabilitySampler(settings.TRACE_SAMPLING_RATE).should_sample(context)
        with _running(name, ((context, remote),) if is_sampled else (), _SERVER, {}) as current:
            yield current
    finally:
        request_id.reset(id_token)


def span(name: str, /, **attributes: Any) -> AbstractContextManager[AnySpan]:
    """A child of the current span, for a `with`."""
    current = _current.get()
    return _running(name, current, _INNER, attributes) if current else _NO_SPAN


def client_span(name: str, /, **attributes: Any) -> AbstractContextManager[AnySpan]:
    """The same for a call to another service."""
    current = _current.get()
    return _running(name, current, _CLIENT, attributes) if current else _NO_SPAN


def joined(parent: str | None, name: str, /, **attributes: Any) -> AbstractContextManager[AnySpan]:
    """A span that continues the trace of a stored traceparent, for a `with`; without one, nothing in it is traced."""
    if not _listeners:
        return _NO_SPAN
    return _running(name, () if parent is None else (_read_traceparent(parent),), _INNER, attributes)


def traceparent() -> str | None:
    """The current span, for a header or a stored row; None where nothing, or more than one trace, is worked for."""
    current = _current.get()
    return f"00-{current[0][0].trace_id}-{current[0][1].span_id}-01" if len(current) == 1 else None


def current_ids() -> tuple[str | None, str | None]:
    """The ids of the current trace and span, for logs; a request that is not traced has its own id instead."""
    current = _current.get()
    return (current[0][0].trace_id, current[0][1].span_id) if len(current) == 1 else (request_id.get(), None)


class Trail(NamedTuple):
    """What some work is done for: a request, and the span that its spans are children of."""

    request_id: str | None
    spans: _Spans


def trail() -> Trail:
    """That of the current work, for another task that goes on with it."""
    return Trail(request_id.get(), _current.get())


class following:
    """Go on with somebody's work, for a `with`: what is logged and traced in it belongs to that trail."""

    __slots__ = ("_trail", "_tokens")

    def __init__(self, trail: Trail) -> None:
        self._trail = trail

    def __enter__(self) -> None:
        self._tokens: tuple[Token[str | None], Token[_Spans]]
        self._tokens = request_id.set(self._trail.request_id), _current.set(self._trail.spans)

    def __exit__(self, *_: object) -> None:
        request_id.reset(self._tokens[0])
        _current.reset(self._tokens[1])


def together(name: str, trails: Sequence[Trail], /, **attributes: Any) -> AbstractContextManager[Sequence[Trail]]:
    """A span in each of several trails, for a `with`: for work that is done for all of them at once, and shows in each.

    It gives the trails that lead on from these spans, in the same order.
    """
    return _running_together(name, trails, attributes) if _listeners else nullcontext(trails)


def instrument_engine(engine: Engine | AsyncEngine) -> None:
    """Make a span of every statement of an engine: its text, never its values."""
    _engines.add(engine.sync_engine if isinstance(engine, AsyncEngine) else engine)
    if _listeners:
        _watch_engines()


def _watch_engines() -> None:
    for engine in _engines:
        if not event.contains(engine, "before_cursor_execute", _begin_statement):
            event.listen(engine, "before_cursor_execute", _begin_statement)
            event.listen(engine, "after_cursor_execute", _end_statement)
            event.listen(engine, "handle_error", _fail_statement)


def _begin_statement(_: Any, __: Any, statement: str, ___: Any, execution: Any, ____: bool) -> None:
    current = _current.get()
    if current:
        text = " ".join(statement.split())
        attributes = {"component": "postgresql", "db.statement": text[:_LONGEST_STATEMENT]}
        execution.bread_bot_spans = _begin_all(f"sql {text.partition(' ')[0].upper()}", current, _CLIENT, attributes)


def _end_statement(_: Any, __: Any, ___: str, ____: Any, execution: Any, _____: bool) -> None:
    _finish_statement(execution, None)


def _fail_statement(failure: Any) -> None:
    _finish_statement(failure.execution_context, failure.original_exception)


def _finish_statement(execution: Any, error: BaseException | None) -> None:
    begun = getattr(execution, "bread_bot_spans", ())
    if begun:
        execution.bread_bot_spans = ()
        _finish_all(begun, error)


def _read_traceparent(header: str | None) -> "tuple[SpanContext, _Remote]":
    # OpenCensus reads the flags as a decimal number: a header with hex ones would break the request.
    from opencensus.trace.span_context import SpanContext
    from opencensus.trace.trace_options import TraceOptions

    found = _TRACEPARENT.fullmatch(header or "")
    if found is None:
        return SpanContext(), _Remote(None)
    is_sampled = int(found[3], 16) & 1
    return SpanContext(trace_id=found[1], trace_options=TraceOptions(str(is_sampled))), _Remote(found[2])


@contextmanager
def _running(name: str, parents: _Spans, kind: int, attributes: dict[str, Any]) -> Iterator[AnySpan]:
    begun = _begin_all(name, parents, kind, attributes)
    token = _current.set(begun)
    failure: BaseException | None = None
    try:
        yield _Begun(begun)
    except BaseException as error:
        failure = error
        raise
    finally:
        _current.reset(token)
        _finish_all(begun, failure)


@contextmanager
def _running_together(name: str, trails: Sequence[Trail], attributes: dict[str, Any]) -> Iterator[Sequence[Trail]]:
    with _running(name, tuple(chain.from_iterable(one.spans for one in trails)), _INNER, attributes):
        begun = iter(_current.get())
        yield [Trail(one.request_id, tuple(islice(begun, len(one.spans)))) for one in trails]


def _begin_all(name: str, parents: _Spans, kind: int, attributes: dict[str, Any]) -> _Spans:
    return tuple((context, _begin(name, parent, kind, attributes)) for context, parent in parents)


def _finish_all(begun: _Spans, error: BaseException | None) -> None:
    for context, ended in begun:
        _finish(context, ended, error)


def _begin(name: str, parent: Any, kind: int, attributes: dict[str, Any]) -> "Span":
    from opencensus.trace.span import Span

    values = {key: value if isinstance(value, int | float) else str(value) for key, value in attributes.items()}
    return Span(name, parent_span=parent, span_kind=kind, start_time=_now(), attributes=values)


def _finish(context: "SpanContext", ended: "Span", error: BaseException | None) -> None:
    from opencensus.trace.span_data import SpanData
    from opencensus.trace.status import Status

    if error is not None:  # only its kind: the words of an error may hold anything
        ended.set_status(Status(_UNKNOWN_ERROR, type(error).__name__))
        ended.add_attribute("error", type(error).__name__)
    data = SpanData(
        name=without_secrets(ended.name),
        context=context,
        span_id=ended.span_id,
        parent_span_id=ended.parent_span.span_id,
        attributes={
            key: without_secrets(value) if isinstance(value, str) else value for key, value in ended.attributes.items()
        },
        start_time=ended.start_time,
        end_time=_now(),
        child_span_count=None,
        stack_trace=None,
        annotations=[],
        message_events=[],
        links=[],
        status=ended.status,
        same_process_as_parent_span=None,
        span_kind=ended.span_kind,
    )
    for listener in _listeners:
        try:
            listener(data)
        except Exception:
            logger.exception("A listener of spans has failed")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
