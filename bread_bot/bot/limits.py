"""How many commands a member may give a minute."""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from bread_bot.main.settings import settings

REFUSAL = "Не так быстро, я же не тостер! Дай мне минутку отдышаться."
_MINUTE = 60.0
_REMEMBERED = 10_000


@dataclass(slots=True)
class _Recent:
    """One's commands of the last minute, and the update that heard the refusal: update ids, and when."""

    commands: dict[int, float] = field(default_factory=dict)
    refused: dict[int, float] = field(default_factory=dict)

    def forget(self, before: float) -> None:
        for times in (self.commands, self.refused):
            while times and times[oldest := next(iter(times))] <= before:
                del times[oldest]


class CommandLimit:
    """Counts each member's commands of the last minute, as this process sees them; an update that comes again once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._recent: dict[Hashable, _Recent] = {}

    def refusal(self, who: Hashable, update_id: int) -> str | None:
        """None when the command may run; what to say when it is the first too many; "" for the further ones."""
        limit = settings.COMMANDS_PER_MINUTE
        if limit <= 0:
            return None
        now = self._clock()
        recent = self._recent[who] = self._recent.pop(who, _Recent())  # the newest stands last
        if len(self._recent) > _REMEMBERED:
            del self._recent[next(iter(self._recent))]
        recent.forget(now - _MINUTE)
        if update_id in recent.commands or len(recent.commands) < limit:
            recent.commands.setdefault(update_id, now)
            return None
        if recent.refused and update_id not in recent.refused:
            return ""
        recent.refused.setdefault(update_id, now)
        return REFUSAL
