"""Units of work: order within a lane, company between lanes, and no patience with what is held up."""

import asyncio
from collections.abc import Sequence

import pytest

from bread_bot.bot.units import LARGE_UNIT, UNIT_SIZE, Units

Job = tuple[str, int]


class Work:
    """Notes each unit, and takes as long as it is told to."""

    def __init__(self) -> None:
        self.units: list[list[Job]] = []
        self.held_up: set[str] = set()
        self.go_on = asyncio.Event()

    async def __call__(self, jobs: Sequence[Job]) -> None:
        """Do them."""
        self.units.append(list(jobs))
        if any(lane in self.held_up for lane, _ in jobs):
            await self.go_on.wait()
        await asyncio.sleep(0)

    def done_in(self, lane: str) -> list[int]:
        """The jobs of a lane, in the order in which they were begun."""
        return [number for unit in self.units for one, number in unit if one == lane]


async def test_lanes_keep_their_order_and_share_units() -> None:
    work = Work()
    units: Units[Job] = Units(work)
    lanes = [f"lane {number}" for number in range(UNIT_SIZE + 10)]
    for number in range(3):
        for lane in lanes:
            units.put(lane, (lane, number))
    assert units.in_hand == 3 * len(lanes)
    await units.drain(10)
    assert units.in_hand == 0
    assert all(work.done_in(lane) == [0, 1, 2] for lane in lanes)
    for unit in work.units:
        assert len({lane for lane, _ in unit}) == len(unit) <= UNIT_SIZE
    assert len(work.units) < len(lanes)


async def test_who_comes_beside_a_unit_waits_until_they_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bread_bot.bot.units.PATIENCE", 3600)
    work = Work()
    units: Units[Job] = Units(work)
    work.held_up = {"first"}
    units.put("first", ("first", 0))
    while not work.units:
        await asyncio.sleep(0)
    for number in range(LARGE_UNIT):
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(work.units) == 1
        units.put(f"lane {number}", (f"lane {number}", 0))
    while len(work.units) < 2:
        await asyncio.sleep(0)
    assert len(work.units[1]) == LARGE_UNIT
    work.go_on.set()
    await units.drain(10)


async def test_one_that_is_held_up_is_not_waited_for() -> None:
    work = Work()
    units: Units[Job] = Units(work)
    work.held_up = {"first"}
    units.put("first", ("first", 0))
    units.put("first", ("first", 1))
    while not work.units:
        await asyncio.sleep(0)
    for number in range(3):
        units.put("second", ("second", number))
    while len(work.done_in("second")) < 3:
        await asyncio.sleep(0)
    assert work.done_in("first") == [0]
    work.go_on.set()
    await units.drain(10)
    assert work.done_in("first") == [0, 1]
