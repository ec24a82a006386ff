"""How fast the bot speaks, on a clock that only the test turns."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from bread_bot.bot import pace
from bread_bot.bot.pace import Pace
from bread_bot.main.settings import settings

START = 1_800_000_000.0
GROUP = -1001
SOMEBODY = 1001


class Clock:
    """Sleeping is what makes its time pass."""

    def __init__(self) -> None:
        self.time = START

    def now(self) -> float:
        """The Unix time."""
        return self.time

    async def sleep(self, seconds: float) -> None:
        """Be so much later at once."""
        assert seconds > 0
        self.time += seconds
        await asyncio.sleep(0)


@pytest.fixture
def clock(test_settings: pytest.MonkeyPatch) -> Clock:
    """Telegram's own limits, and a clock that needs no waiting."""
    for name, value in {"CHAT_RATE": 1, "CHAT_BURST": 3, "GROUP_RATE": 20, "TOTAL_RATE": 30}.items():
        test_settings.setattr(settings, name, value)
    clock = Clock()
    test_settings.setattr(pace, "now", clock.now)
    test_settings.setattr(pace, "sleep", clock.sleep)
    return clock


async def send(turn: Pace, clock: Clock, chats: Sequence[int], processes: int = 1) -> list[float]:
    """Send one message to each of the chats, in order; when they left, in seconds from the start."""
    times = []
    for chat in chats:
        await turn.wait(chat, processes)
        times.append(round(clock.time - START, 2))
    return times


async def test_one_chat(clock: Clock) -> None:
    """A small burst at once, then one a second; after a rest a burst again."""
    turn = Pace()
    assert await send(turn, clock, [SOMEBODY] * 6) == pytest.approx([0, 0, 0, 1, 2, 3], abs=0.05)
    clock.time += 10
    assert await send(turn, clock, [SOMEBODY] * 4) == pytest.approx([13, 13, 13, 14], abs=0.05)


async def test_a_group(clock: Clock) -> None:
    """At most 20 within any minute; a private chat has no such limit."""
    times = await send(Pace(), clock, [GROUP] * 70)
    assert all(later - earlier >= 59.9 for earlier, later in zip(times, times[20:], strict=False))
    clock.time = START
    assert (await send(Pace(), clock, [SOMEBODY] * 70))[-1] == pytest.approx(67, abs=0.5)


async def test_all_chats(clock: Clock) -> None:
    """At most 30 within any second; two processes have 15 each."""
    times = await send(Pace(), clock, range(1, 101))
    assert all(later - earlier >= 0.99 for earlier, later in zip(times, times[30:], strict=False))
    assert times[29] == 0 and times[-1] == pytest.approx(3, abs=0.01)
    clock.time = START
    assert (await send(Pace(), clock, range(1, 31), processes=2))[-1] == pytest.approx(1, abs=0.01)


async def test_no_limits(clock: Clock, test_settings: pytest.MonkeyPatch) -> None:
    """Zero is no limit."""
    for name in ("CHAT_RATE", "GROUP_RATE", "TOTAL_RATE"):
        test_settings.setattr(settings, name, 0)
    assert await send(Pace(), clock, [GROUP] * 200) == [0] * 200


async def test_other_processes(clock: Clock) -> None:
    """What another process has sent counts; a database whose clock is ahead does not stop a chat."""
    turn = Pace()
    turn.recall(GROUP, [datetime.fromtimestamp(START, UTC)] * 20)
    assert await send(turn, clock, [GROUP]) == pytest.approx([60], abs=0.05)
    turn.recall(SOMEBODY, [datetime.fromtimestamp(START + 86_400, UTC)] * 3)
    assert await send(turn, clock, [SOMEBODY]) == pytest.approx([61], abs=0.05)


async def test_told_to_wait(clock: Clock) -> None:
    """One chat that is told to wait waits alone; three at once mean all."""
    turn = Pace()
    turn.told_to_wait(1, 10)
    assert await send(turn, clock, [2]) == [0]
    assert await send(turn, clock, [1]) == [10]
    for chat in (3, 4, 5):
        turn.told_to_wait(chat, 5)
    assert await send(turn, clock, [2]) == [15]
