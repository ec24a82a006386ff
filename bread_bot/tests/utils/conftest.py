"""Clean logs and traces for the tests of utils."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from bread_bot.tests.utils.endpoint import Endpoint
from bread_bot.tests.utils.lines import Lines
from bread_bot.utils import masking, tracing
from bread_bot.utils.base_client import close_pool
from bread_bot.utils.json_logger import configure_logging


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """A server that runs."""
    endpoint = Endpoint()
    endpoint.start()
    yield endpoint
    endpoint.stop()


@pytest.fixture(autouse=True)
async def clean(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """No secrets, listeners, exporters or connections from other tests."""
    monkeypatch.setattr(masking, "_hidden", ())
    monkeypatch.setattr(tracing, "_listeners", ())
    yield
    await tracing.shutdown_tracing()
    await close_pool()


@pytest.fixture
def spans() -> Iterator[list[Any]]:
    """Tracing is on; the spans that have finished, the innermost first."""
    finished: list[Any] = []
    forget = tracing.add_span_listener(finished.append)
    yield finished
    forget()


@pytest.fixture
def configure(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], Lines]]:
    """Switch the logs on, by the settings as they are then."""
    handlers, level = logging.root.handlers[:], logging.root.level
    names = [name for name, one in logging.root.manager.loggerDict.items() if isinstance(one, logging.Logger)]
    levels = {name: logging.getLogger(name).level for name in names}

    def start() -> Lines:
        configure_logging()
        return Lines(capsys)

    yield start
    logging.captureWarnings(False)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    logging.getLogger("bread_bot").setLevel(logging.NOTSET)


@pytest.fixture
def lines(configure: Callable[[], Lines]) -> Lines:
    """The logs, switched on."""
    return configure()
