"""Draws the chart of a chat: python -m bread_bot.people.chart, JSON on standard input, a PNG on standard output."""

import io
import json
import sys
from datetime import date
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import dates, ticker  # noqa: E402  the backend is chosen before anything is drawn
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.layout_engine import ConstrainedLayoutEngine  # noqa: E402

CRUST, MUTED, INK, PAPER = "#c8772e", "#8a7b6a", "#3b2f25", "#fffaf3"
_NAME = 22


def draw(title: str, days: list[tuple[str, int]], members: list[tuple[str, int]]) -> bytes:
    """A PNG that a phone shows well: messages by day above, the busiest members below."""
    figure = Figure(figsize=(7.2, 9), dpi=150, facecolor=PAPER, layout=ConstrainedLayoutEngine(w_pad=0.15, h_pad=0.15))
    figure.suptitle(_short(title, 34), fontsize=20, fontweight="bold", color=INK)
    # a figure each, so that long names below do not push the days aside
    upper, lower = figure.subfigures(2, 1, hspace=0.04)  # type: ignore[misc]  # two of them, says matplotlib's manual
    above, below = upper.subplots(), lower.subplots()
    moments = dates.date2num([date.fromisoformat(day) for day, _ in days])
    above.bar(moments, [number for _, number in days], color=CRUST, width=0.8)
    above.xaxis.set_major_locator(dates.DayLocator(interval=7))
    above.xaxis.set_major_formatter(dates.DateFormatter("%d.%m"))
    above.yaxis.set_major_locator(ticker.MaxNLocator(integer=True, nbins=5))
    above.set_title(f"Сообщения за {len(days)} дней", fontsize=15, color=INK, loc="left")
    names = [_short(name, _NAME) for name, _ in members]
    numbers = [number for _, number in members]
    bars = below.barh(range(len(names)), numbers, color=CRUST, height=0.7)
    below.set_yticks(range(len(names)), names)
    below.invert_yaxis()
    below.bar_label(bars, padding=6, fontsize=14, color=INK)
    below.set_xlim(0, max(numbers) * 1.15)
    below.xaxis.set_visible(False)
    below.set_ylim(max(len(names), 4) - 0.5, -0.5)
    below.set_title("Пишут больше всех", fontsize=15, color=INK, loc="left")
    for axes in (above, below):
        _plain(axes)
    below.spines["bottom"].set_visible(False)
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()


def _plain(axes: Any) -> None:
    axes.set_facecolor(PAPER)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(MUTED)
    axes.tick_params(colors=INK, labelsize=14, length=0)


def _short(text: str, limit: int) -> str:
    """A text that fits; signs that the font lacks and that mean something to the library are left out."""
    plain = "".join(sign for sign in text if sign.isprintable() and sign <= "\u2fff" and sign not in "$\\")
    plain = " ".join(plain.split()) or "—"
    return plain if len(plain) <= limit else plain[: limit - 1].rstrip() + "…"


if __name__ == "__main__":
    told = json.load(sys.stdin)
    sys.stdout.buffer.write(draw(told["title"], told["days"], told["members"]))
