"""Figures for Prometheus: declared beside what they count, told by any worker for all workers of the server.

Workers count in files of a directory that they share; a server of one process counts in its memory.
"""

import multiprocessing
import os
import tempfile
from collections.abc import Iterable
from functools import partial
from hashlib import sha256
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    disable_created_metrics,
    generate_latest,
    values,
)
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def shared_directory() -> Path:
    """Where the workers of this server count: its name comes of a random key that they all have from their parent."""
    key = bytes(multiprocessing.current_process().authkey)
    return Path(tempfile.gettempdir(), f"bread_bot-metrics-{sha256(key).hexdigest()[:32]}")


# A worker has another name already while server.py is imported for it, when it does not know its parent yet.
if multiprocessing.current_process().name != "MainProcess" and _VARIABLE not in os.environ:
    shared_directory().mkdir(mode=0o700, exist_ok=True)
    os.environ[_VARIABLE] = str(shared_directory())
    values.ValueClass = values.MultiProcessValue()

disable_created_metrics()
_declared = CollectorRegistry()

counter = partial(Counter, registry=_declared)
histogram = partial(Histogram, registry=_declared)
gauge = partial(Gauge, registry=_declared, multiprocess_mode="livesum")
"""Of several workers, the sum over those that live."""


def exposition(more: Iterable[Metric]) -> bytes:
    """All that is declared, over all workers, and what the caller knows besides, in Prometheus's text format."""
    directory = os.environ.get(_VARIABLE)
    if directory is None:
        return generate_latest(_Known([*_declared.collect(), *more]))
    _forget_dead(Path(directory))
    return generate_latest(_Known([*MultiProcessCollector(None, directory).collect(), *more]))


class _Known:
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _forget_dead(directory: Path) -> None:
    """Remove the gauges of processes that are gone; what they have counted stays."""
    for file in directory.glob("gauge_live*_*.db"):
        try:
            os.kill(int(file.stem.rpartition("_")[2]), 0)
        except OSError:  # there is none, or by now another one of somebody else's
            file.unlink(missing_ok=True)
