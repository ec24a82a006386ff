"""How many commands a member may give a minute."""

import pytest

from bread_bot.bot.limits import REFUSAL, CommandLimit
from bread_bot.main.settings import settings


class Clock:
    """A time that passes only when told to."""

    now = 1000.0

    def __call__(self) -> float:
        """The time, in seconds."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The limit is three a minute."""
    monkeypatch.setattr(settings, "COMMANDS_PER_MINUTE", 3)
    return Clock()


def test_whoever_never_stops(clock: Clock) -> None:
    """One command a second for three minutes: three of each minute are done, and one refusal a minute is said."""
    limit = CommandLimit(clock)
    told = []
    for second in range(180):
        told.append(limit.refusal("Anna", second))
        clock.now += 1
    for minute in range(3):
        these = told[minute * 60 : minute * 60 + 60]
        assert (these.count(None), these.count(REFUSAL)) == (3, 1), minute


def test_the_same_update_again(clock: Clock) -> None:
    """What was rolled back and comes again counts once, and is answered alike."""
    limit = CommandLimit(clock)
    for _ in range(2):
        assert [limit.refusal("Anna", number) for number in range(5)] == [None, None, None, REFUSAL, ""]


def test_each_has_their_own(clock: Clock) -> None:
    """Nobody pays for another's haste."""
    limit = CommandLimit(clock)
    assert [limit.refusal("Anna", number) for number in range(4)][-1] == REFUSAL
    assert limit.refusal("Boris", 10) is None


def test_no_limit(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """0 switches it off."""
    monkeypatch.setattr(settings, "COMMANDS_PER_MINUTE", 0)
    limit = CommandLimit(clock)
    assert {limit.refusal("Anna", number) for number in range(100)} == {None}
