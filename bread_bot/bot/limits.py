"""How many commands a member may give a minute."""

import time
from collections import deque

from bread_bot.bot.context import Context
from bread_bot.main.settings import settings

REFUSAL = "Не так быстро, я же не тостер! Дай мне минутку отдышаться."
_MINUTE = 60.0
_REMEMBERED = 10_000


class CommandLimit:
    """Counts each member's commands of the last minute, as this process sees them."""

    def __init__(self) -> None:
        self._times: dict[tuple[int, int | None], deque[float]] = {}

    def refusal(self, context: Context) -> str | None:
        """None when the command may run; what to say when it is the first too many; "" for the further ones."""
        limit = settings.COMMANDS_PER_MINUTE
        if limit <= 0:
            return None
        key = (context.chat.id, context.author.id if context.author else None)
        now = time.monotonic()
        times = self._times.pop(key, None) or deque()
        while times and times[0] <= now - _MINUTE:
            times.popleft()
        self._times[key] = times  # the newest stands last
        if len(self._times) > _REMEMBERED:
            del self._times[next(iter(self._times))]
        if len(times) > limit:
            return ""
        times.append(now)
        return REFUSAL if len(times) > limit else None
