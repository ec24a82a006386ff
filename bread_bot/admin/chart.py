"""A chart of two numbers a day, as what an SVG needs: drawn without any script, in the colours of the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

HEIGHT = 240
_TOP, _BOTTOM = 16, 24
_LEFT = 9.0
_MOST_LINES = 4


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its left edge and width in percent, its top and height in pixels."""

    left: float
    width: float
    top: float
    height: float


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the chart: where it begins and how wide it is, in percent, and a bar for each of its numbers."""

    day: date
    left: float
    width: float
    numbers: Sequence[int]
    bars: Sequence[Bar]


@dataclass(frozen=True, slots=True)
class Chart:
    """The days from left to right, and the lines across with their numbers, at so many pixels from the top."""

    names: Sequence[str]
    days: Sequence[Day]
    lines: Sequence[tuple[int, float]]
    height: int = HEIGHT

    @property
    def foot(self) -> float:
        """Where the bars stand."""
        return HEIGHT - _BOTTOM


def drawn(names: Sequence[str], numbers: Sequence[tuple[date, Sequence[int]]]) -> Chart:
    """The chart of some days, each with its numbers, which are called so."""
    values = _lines(max((number for _, row in numbers for number in row), default=0))
    scale = (HEIGHT - _TOP - _BOTTOM) / values[-1]
    width = (100 - _LEFT) / max(len(numbers), 1)
    days = []
    for place, (day, row) in enumerate(numbers):
        left, bar = _LEFT + place * width, width * 0.76 / len(row)
        bars = [
            Bar(left + width * 0.12 + bar * number, bar, HEIGHT - _BOTTOM - value * scale, value * scale)
            for number, value in enumerate(row)
        ]
        days.append(Day(day, left, width, row, bars))
    return Chart(names, days, [(value, HEIGHT - _BOTTOM - value * scale) for value in values])


def _lines(highest: int) -> list[int]:
    """Round numbers from 0 to no less than the highest."""
    steps = (digit * 10**power for power in range(19) for digit in (1, 2, 5))
    step = next(step for step in steps if step * _MOST_LINES >= highest)
    return [*range(0, max(highest, 1), step), max(-(-highest // step), 1) * step]
