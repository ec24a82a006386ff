"""Where to draw from: a service first, as long as it answers well, else a collection of our own."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
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

logger = logging.getLogger(__name__)

ATTEMPTS = 2
LONGEST_ATTEMPT = 3.5


@dataclass(frozen=True, slots=True)
class Health:
    """How a service does: whether it is left alone now, its failures in a row, and its answers since the start."""

    name: str
    is_resting: bool
    failures_in_a_row: int
    found: int
    failed: int


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
        self._found = 0
        self._failed = 0

    @property
    def health(self) -> Health:
        """How its service does, for the metrics."""
        return Health(self.name, self.breaker.is_open, self.breaker.failures, self._found, self._failed)

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
            self._found += 1
            self.breaker.succeed()
            return finding
        self._failed += 1
        self.breaker.fail()
        return None


OWN = "своя выпечка"

QUOTES = Source("quotes", Forismatic, "FORISMATIC_URL", Collection("quotes.txt", OWN))
JOKES = Source("jokes", Baneks, "BANEKS_URL", Collection("jokes.txt", OWN))
ADVICE = Source("advice", GreatAdvice, "ADVICE_URL", Collection("advice.txt"))
ENGLISH_INSULTS = Source("insults", EvilInsult, "INSULT_URL", Collection("english_insults.txt"))
SOURCES = (QUOTES, JOKES, ADVICE, ENGLISH_INSULTS)

INSULTS = Collection("insults.txt")
