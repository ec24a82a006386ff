"""Drawing: from elsewhere while that works, else from our own."""

import asyncio
from random import Random

import pytest
from starlette.responses import Response

from bread_bot.main.settings import settings
from bread_bot.sources.breaker import FAILURES, REST
from bread_bot.sources.clients.base import Finding, SourceClient
from bread_bot.sources.clients.great_advice import GreatAdvice
from bread_bot.sources.collection import Collection
from bread_bot.sources.source import ADVICE, ENGLISH_INSULTS, INSULTS, JOKES, QUOTES, SOURCES, Source
from bread_bot.tests.figures import Figures
from bread_bot.tests.sources.conftest import Clock, Elsewhere
from bread_bot.utils.base_client import close_pool, open_pool

GOOD = '{"id": 1, "text": "Пеки хлеб."}'
BAD = Response("Нет", status_code=500)


@pytest.fixture
def source(clock: Clock) -> Source:
    """A source of advice that a test may break."""
    return Source("advice", GreatAdvice, "ADVICE_URL", Collection("advice.txt"), clock)


class Told:
    """What the metrics tell of the source since the test began."""

    def __init__(self) -> None:
        self._before = Figures()

    @property
    def results(self) -> tuple[float, float]:
        """How often it gave something, and how often nothing."""
        now = Figures()
        found, failed = (
            now(name, source="advice", result=result) - self._before(name, source="advice", result=result)
            for name, result in (("bread_bot_source_requests_total", one) for one in ("found", "failed"))
        )
        return found, failed

    @property
    def is_resting(self) -> bool:
        """Whether the service is left alone."""
        return bool(Figures()("bread_bot_source_resting", source="advice"))


@pytest.fixture
def told() -> Told:
    """The metrics."""
    return Told()


def is_own(finding: Finding, source: Source) -> bool:
    return finding in source.collection.findings


@pytest.mark.parametrize(
    ("source", "address", "body", "answer"),
    [
        (QUOTES, "FORISMATIC_URL", '{"quoteText": "Хлеб", "quoteAuthor": "Пекарь"}', "Хлеб\n\n© Пекарь"),
        (JOKES, "BANEKS_URL", "<article>Хлеб</article>", "Хлеб\n\n© baneks.ru"),
        (ADVICE, "ADVICE_URL", '{"text": "Хлеб"}', "Хлеб"),
        (ENGLISH_INSULTS, "INSULT_URL", '{"insult": "Bread"}', "Bread"),
    ],
)
async def test_every_source_asks_its_service(
    elsewhere: Elsewhere, dice: Random, source: Source, address: str, body: str, answer: str
) -> None:
    elsewhere.answers_with(body, media_type="text/html")
    assert str(await source.draw(dice)) == answer
    assert [request.url.path for request in elsewhere.requests] == [f"/{address.lower()}"]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
async def test_every_source_has_its_own_words(elsewhere: Elsewhere, dice: Random, source: Source) -> None:
    elsewhere.answers_with("")
    assert is_own(await source.draw(dice), source)


async def test_asks_again_once(elsewhere: Elsewhere, dice: Random, source: Source) -> None:
    elsewhere.answers_with(BAD, GOOD)
    assert str(await source.draw(dice)) == "Пеки хлеб."
    elsewhere.answers_with(BAD)
    assert is_own(await source.draw(dice), source)
    assert len(elsewhere.requests) == 4


async def test_a_service_that_keeps_silent(
    elsewhere: Elsewhere, dice: Random, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "SOURCE_TIMEOUT", 0.01)
    assert is_own(await source.draw(dice), source)
    assert len(elsewhere.requests) == 2


@pytest.mark.parametrize(
    "part", [b"", b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{", b"\x00\xff\r\n"]
)
@pytest.mark.parametrize("hangs_up", [True, False])
async def test_a_server_that_says_half_of_it(
    dice: Random, source: Source, monkeypatch: pytest.MonkeyPatch, told: Told, part: bytes, hangs_up: bool
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(part)
        await writer.drain()
        if not hangs_up:
            await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        monkeypatch.setattr(settings, "ADVICE_URL", "http://127.0.0.1:%d" % server.sockets[0].getsockname()[1])
        monkeypatch.setattr(settings, "SOURCE_TIMEOUT", 0.1)
        await close_pool()
        open_pool()
        assert is_own(await source.draw(dice), source)
        await close_pool()
    assert told.results == (0, 2)


async def test_leaves_a_broken_service_alone_until_it_has_rested(
    elsewhere: Elsewhere, dice: Random, source: Source, clock: Clock, told: Told
) -> None:
    elsewhere.answers_with(BAD)
    for _ in range(5):
        assert is_own(await source.draw(dice), source)
    assert len(elsewhere.requests) == FAILURES
    assert (told.results, told.is_resting) == ((0, FAILURES), True)

    clock.now += REST
    for _ in range(2):
        assert is_own(await source.draw(dice), source)
    assert len(elsewhere.requests) == FAILURES + 1

    clock.now += REST
    elsewhere.answers_with(GOOD)
    for _ in range(2):
        assert str(await source.draw(dice)) == "Пеки хлеб."
    assert (told.results, told.is_resting) == ((2, FAILURES + 1), False)


async def test_many_at_once_send_one_probe(elsewhere: Elsewhere, dice: Random, source: Source, clock: Clock) -> None:
    elsewhere.answers_with(BAD)
    await asyncio.gather(*(source.draw(dice) for _ in range(2)))
    clock.now += REST
    before = len(elsewhere.requests)
    await asyncio.gather(*(source.draw(dice) for _ in range(20)))
    assert len(elsewhere.requests) == before + 1


async def test_one_broken_service_hurts_no_other(elsewhere: Elsewhere, dice: Random, source: Source) -> None:
    elsewhere.answers_with(BAD)
    await source.draw(dice)
    await source.draw(dice)
    elsewhere.answers_with(GOOD)
    assert str(await ADVICE.draw(dice)) == "Пеки хлеб."
    assert is_own(await source.draw(dice), source)


async def test_whatever_happens_something_is_said(dice: Random, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    class Surprising(SourceClient):
        PATH = "/"
        CONTENT_TYPES = ("text/",)

        async def find(self) -> Finding:
            raise ZeroDivisionError

    source = Source("surprises", Surprising, "ADVICE_URL", Collection("advice.txt"), clock)
    assert is_own(await source.draw(dice), source)
    assert "unforeseen" in caplog.text


async def test_whoever_is_cancelled_stays_cancelled(
    elsewhere: Elsewhere, dice: Random, source: Source, told: Told
) -> None:
    task = asyncio.create_task(source.draw(dice))
    while not elsewhere.requests:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert told.results == (0, 0)


def test_our_own_are_drawn_evenly(dice: Random) -> None:
    draws = [INSULTS.draw(dice) for _ in range(200 * len(INSULTS.findings))]
    counts = [draws.count(finding) for finding in INSULTS.findings]
    assert 130 < min(counts) and max(counts) < 270
