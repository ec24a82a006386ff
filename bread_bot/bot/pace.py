"""How fast the bot may speak: Telegram's limits for one chat, for one group, and for all chats together."""

import asyncio
import time
from collections import deque
from collections.abc import Iterable
from datetime import datetime

from bread_bot.main.settings import settings

# The clock of all that is sent; tests turn one of their own.
now = time.time
sleep = asyncio.sleep

_MINUTE = 60.0
_REMEMBERED_CHATS = 10_000
# So many chats that are told to wait at the same time mean that the whole bot is.
_ALL_CHATS = 3


class _Chat:
    """The times of a chat's last messages, and from when on its token bucket is full again."""

    def __init__(self) -> None:
        self.times: deque[float] = deque(maxlen=max(settings.GROUP_RATE, 1))
        self.full_at = 0.0

    def add(self, moment: float) -> None:
        self.times.append(moment)
        if settings.CHAT_RATE > 0:
            self.full_at = max(self.full_at, moment) + 1 / settings.CHAT_RATE

    @property
    def refilled_at(self) -> float:
        """The time from which there is a token; a millisecond early, so that rounding does not cost a second one."""
        return self.full_at - (settings.CHAT_BURST - 1) / settings.CHAT_RATE - 1e-3


class Pace:
    """The times of the last messages, from which it follows when the next one may leave. Times are Unix seconds."""

    def __init__(self) -> None:
        self._chats: dict[int, _Chat] = {}
        self._all: deque[float] = deque(maxlen=1000)
        self._told: dict[int, float] = {}
        self._all_wait_until = 0.0

    def recall(self, chat_id: int, sent: Iterable[datetime]) -> None:
        """Take over what the database knows of a chat's last messages, those of other processes, too."""
        recalled = _Chat()
        for moment in sent:
            recalled.add(min(moment.timestamp(), now()))  # the database's clock may be ahead
        chat = self._remember(chat_id)
        chat.times, chat.full_at = recalled.times, max(chat.full_at, recalled.full_at)

    def told_to_wait(self, chat_id: int, seconds: float) -> None:
        """Telegram has asked for a pause in a chat; asked in several at once, it means all."""
        told = {chat: until for chat, until in self._told.items() if until > now()}
        self._told = told | {chat_id: now() + seconds}
        if len(self._told) >= _ALL_CHATS:
            self._all_wait_until = max(self._told.values())

    async def wait(self, chat_id: int, processes: int) -> None:
        """Wait until a message may go to a chat, and take note that it goes; `processes` share the limit for all."""
        while (moment := self._moment(chat_id, processes)) > now():
            await sleep_until(moment)
        self._remember(chat_id).add(now())
        self._all.append(now())

    def _moment(self, chat_id: int, processes: int) -> float:
        chat = self._chats.get(chat_id) or _Chat()
        moments = [self._all_wait_until, self._told.get(chat_id, 0.0)]
        if settings.CHAT_RATE > 0:
            moments.append(chat.refilled_at)
        if chat_id < 0 and settings.GROUP_RATE > 0:
            moments.append(_window(chat.times, settings.GROUP_RATE, _MINUTE))
        if settings.TOTAL_RATE > 0:
            moments.append(_window(self._all, max(settings.TOTAL_RATE // processes, 1), 1.0))
        return max(moments)

    def _remember(self, chat_id: int) -> _Chat:
        chat = self._chats.pop(chat_id, None) or _Chat()
        self._chats[chat_id] = chat  # the newest stands last
        if len(self._chats) > _REMEMBERED_CHATS:
            del self._chats[next(iter(self._chats))]
        return chat


async def sleep_until(moment: float) -> None:
    """Sleep until a Unix time."""
    if (seconds := moment - now()) > 0:
        await sleep(seconds)


def _window(sent: Iterable[float], count: int, seconds: float) -> float:
    """The time from which one more makes at most `count` within any `seconds`."""
    times = list(sent)
    return times[-count] + seconds if len(times) >= count else 0.0
