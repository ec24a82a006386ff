"""The spans of what happened last, by trace."""

from collections import OrderedDict, defaultdict
from typing import TYPE_CHECKING

from bread_bot.sandbox.world import Json

if TYPE_CHECKING:
    from opencensus.trace.span_data import SpanData

_KEPT_TRACES = 100


class Traces:
    """What the listener of spans has heard, as long as the server runs."""

    def __init__(self) -> None:
        self._spans: OrderedDict[str, list[Json]] = OrderedDict()

    def take(self, span: "SpanData") -> None:
        """Keep a finished span, with the other ones of its trace; what the page asks for is nobody's business."""
        if span.parent_span_id is None and _is_own(span.name):
            self._spans.pop(span.context.trace_id, None)
            return
        self._spans.setdefault(span.context.trace_id, []).append(
            {
                "id": span.span_id,
                "parent": span.parent_span_id,
                "name": span.name,
                "begin": span.start_time,
                "end": span.end_time,
                "attributes": span.attributes,
            }
        )
        while len(self._spans) > _KEPT_TRACES:
            self._spans.popitem(last=False)

    def of(self, trace_id: str) -> list[Json]:
        """The spans of a trace so far, without what the sandbox's Telegram itself did."""
        spans = self._spans.get(trace_id, [])
        children = defaultdict(list)
        for one in spans:
            children[one["parent"]].append(one["id"])
        own = [one["id"] for one in spans if _is_own(one["name"])]
        hidden = set()
        while own:
            hidden.add(found := own.pop())
            own += children[found]
        return sorted((one for one in spans if one["id"] not in hidden), key=lambda one: str(one["begin"]))


def _is_own(name: str) -> bool:
    return name.partition(" ")[2].startswith("/sandbox")
