"""Units of work: what comes in at the same time is worked on together, what belongs together one after the other."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextvars import Context as Variables
from typing import Generic, TypeVar

T = TypeVar("T")

UNITS = 2
UNIT_SIZE = 64
# A unit costs as much as several updates. So beside one that is under way a second one starts when it is large, or when
# the first has taken so long that something must hold it up: nobody else should wait for that.
LARGE_UNIT = 16
PATIENCE = 0.01


class Units(Generic[T]):
    """Has jobs done in units, at most one job of a lane in each: those of a lane never overtake each other.

    `work` is given the jobs of a unit. What becomes of each it tells by itself.
    """

    def __init__(self, work: Callable[[Sequence[T]], Awaitable[None]]) -> None:
        self._work = work
        self._waiting: dict[Hashable, deque[T]] = {}  # by lane; the first one of a lane may be worked on
        self._ready: deque[Hashable] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._is_held_up = False
        self._clock: asyncio.TimerHandle | None = None

    @property
    def in_hand(self) -> int:
        """How many jobs are being worked on or wait for it."""
        return sum(map(len, self._waiting.values()))

    def put(self, lane: Hashable, job: T) -> None:
        """Have a job done after those of its lane that wait already."""
        queue = self._waiting.get(lane)
        if queue is None:
            self._waiting[lane] = deque([job])
            self._ready.append(lane)
            self._start()
        else:
            queue.append(job)

    async def drain(self, seconds: float) -> None:
        """Wait until the jobs in hand are done.

        :raises TimeoutError: it takes longer than so many seconds
        """
        async with asyncio.timeout(seconds):
            while self._running:
                await asyncio.wait(self._running)

    def _start(self) -> None:
        while len(self._running) < UNITS and len(self._ready) >= self._least():
            # with variables of its own: whoever has started it, it works for others, too
            unit = asyncio.create_task(self._run(self._take(UNIT_SIZE)), name="unit of work", context=Variables())
            self._running.add(unit)
            unit.add_done_callback(self._running.discard)
            self._is_held_up = False
            if self._clock is not None:
                self._clock.cancel()
            self._clock = asyncio.get_running_loop().call_later(PATIENCE, self._lose_patience)

    def _least(self) -> int:
        """How many jobs a unit needs to start now."""
        return LARGE_UNIT if self._running and not self._is_held_up else 1

    def _lose_patience(self) -> None:
        self._is_held_up = True
        self._start()

    def _take(self, most: int) -> list[Hashable]:
        """Lanes whose turn it is."""
        return [self._ready.popleft() for _ in range(min(most, len(self._ready)))]

    async def _run(self, lanes: list[Hashable]) -> None:
        unit = asyncio.current_task()
        assert unit is not None
        there = -1
        while there < len(self._ready):  # as long as each turn of the loop brings more, they come along
            there = len(self._ready)
            await asyncio.sleep(0)
        lanes += self._take(UNIT_SIZE - len(lanes))
        try:
            await self._work([self._waiting[lane][0] for lane in lanes])
        finally:
            for lane in lanes:
                queue = self._waiting[lane]
                queue.popleft()
                if queue:
                    self._ready.append(lane)
                else:
                    del self._waiting[lane]
            self._running.discard(unit)
            self._start()
