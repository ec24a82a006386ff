"""Posts updates over keep-alive connections, and measures."""

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

CHATS = 50
PEOPLE = 20
CONCURRENCY = 40
SECRET = "benchmark"

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Times:
    """How long something took, in milliseconds."""

    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Times":
        """The percentiles of at least one measurement."""
        ordered = sorted(seconds)
        return cls(*(ordered[int(len(ordered) * share)] * 1000 for share in (0.5, 0.95, 0.99)))


@dataclass(frozen=True, slots=True)
class Run:
    """What came of posting: updates a second, how long each waited for its 200, and when each was posted."""

    updates: int
    rate: float
    times: Times
    posted: dict[int, float]


def requests(path: str, text: Callable[[int], str], count: int, chats: int = CHATS) -> Iterator[tuple[int, bytes]]:
    """Updates as whole HTTP requests with the numbers of their messages, from so many chats of 20 people."""
    for number in itertools.islice(_numbers, count):
        chat = -1000 - number % chats
        person = 1 + number % PEOPLE + (number % chats) * PEOPLE
        body = json.dumps(
            {
                "update_id": number,
                "message": {
                    "message_id": number,
                    "date": 1_700_000_000,
                    "chat": {"id": chat, "type": "supergroup", "title": f"Chat {-chat}"},
                    "from": {"id": person, "is_bot": False, "first_name": f"Person {person}", "language_code": "ru"},
                    "text": text(number),
                },
            }
        ).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"X-Telegram-Bot-Api-Secret-Token: {SECRET}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        yield number, head.encode() + body


async def post(
    port: int,
    path: str,
    text: Callable[[int], str],
    count: int,
    concurrency: int = CONCURRENCY,
    chats: int = CHATS,
) -> Run:
    """Post so many updates, so many at a time.

    :raises RuntimeError: one is not answered 200
    """
    waiting = list(requests(path, text, count, chats))
    waiting.reverse()
    times: list[float] = []
    posted: dict[int, float] = {}
    began = time.monotonic()
    await asyncio.gather(*(_post(port, waiting, times, posted) for _ in range(concurrency)))
    return Run(count, count / (time.monotonic() - began), Times.of(times), posted)


async def _post(port: int, waiting: list[tuple[int, bytes]], times: list[float], posted: dict[int, float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while waiting:
        number, request = waiting.pop()
        began = posted[number] = time.monotonic()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0])
        await reader.readexactly(length)
        times.append(time.monotonic() - began)
    writer.close()
