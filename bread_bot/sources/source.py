"""Where to draw from: a service first, as long as it answers well, else a collection of our own."""

import asyncio
import logging
from collections.abc import Callable
from random import Random
from time import monotonic

from bread_bot.main.settings import settings
from bread_bot.sources.breaker import Breaker
from bread_bot.sources.clients.base import Finding, SourceClient
from bread_bot.sources.clients.baneks import Baneks
from bread_bot.sources.clients.evil_insult import EvilInsult
from bread_bot.sources.clients.forismatic import Forismatic
from bread_bot.sources.clients.great_advice import GreatAdvice
from bread_bot.sources.collection import Collection
from bread_bot.utils.base_client import ClientError
from bread_bot.utils.metrics import counter, gauge

logger = logging.getLogger(__name__)

ATTEMPTS = 2
LONGEST_ATTEMPT = 3.5


_ASKED = counter(
    "bread_bot_source_requests_total", "Questions to a source, by what came of them.", ["source", "result"]
)
_RESTING = gauge("bread_bot_source_resting", "Workers that leave a source alone after failures in a row.", ["source"])


class Source:
    """A service and the collection that stands in for it.

    The service is asked at the address in the setting `address`, SOURCE_TIMEOUT seconds and ATTEMPTS times at most.
    """

    def __init__(
        self,
        name: str,
        client: type[SourceClient],
        address: str,
        collection: Collection,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.name = name
        self.collection = collection
        self.breaker = Breaker(clock)
        self._client = client
        self._address = address
        self._found, self._failed = _ASKED.labels(name, "found"), _ASKED.labels(name, "failed")
        self._resting = _RESTING.labels(name)

    async def draw(self, random: Random) -> Finding:
        """Draw something: it takes ATTEMPTS * LONGEST_ATTEMPT seconds at most, and never fails."""
        for _ in range(ATTEMPTS):
            if self.breaker.admits() and (finding := await self._ask()) is not None:
                return finding
        return self.collection.draw(random)

    async def _ask(self) -> Finding | None:
        timeout = min(settings.SOURCE_TIMEOUT, LONGEST_ATTEMPT)
        try:
            async with asyncio.timeout(timeout):
                finding = await self._client(getattr(settings, self._address), timeout=timeout).find()
        except (ClientError, TimeoutError) as error:
            logger.info("The source of %s gives nothing: %r", self.name, error)
        except Exception:  # whatever a service answers, the member gets something
            logger.exception("The source of %s gives something unforeseen", self.name)
        else:
            self._found.inc()
            self.breaker.succeed()
            self._resting.set(0)
            return finding
        self._failed.inc()
        self.breaker.fail()
        self._resting.set(self.breaker.is_open)
        return None


OWN = "своя выпечка"

QUOTES = Source("quotes", Forismatic, "FORISMATIC_URL", Collection("quotes.txt", OWN))
JOKES = Source("jokes", Baneks, "BANEKS_URL", Collection("jokes.txt", OWN))
ADVICE = Source("advice", GreatAdvice, "ADVICE_URL", Collection("advice.txt"))
ENGLISH_INSULTS = Source("insults", EvilInsult, "INSULT_URL", Collection("english_insults.txt"))
SOURCES = (QUOTES, JOKES, ADVICE, ENGLISH_INSULTS)

INSULTS = Collection("insults.txt")
