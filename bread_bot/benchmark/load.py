"""Posts updates over keep-alive connections, and measures."""

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

CHATS = 50
PEOPLE = 20
CONCURRENCY = 40
SECRET = "benchmark"

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a run: updates a second, and their times in milliseconds."""

    name: str
    updates: int
    seconds: float
    rate: float
    p50: float
    p95: float
    p99: float


def requests(path: str, text: Callable[[int], str], count: int) -> Iterator[bytes]:
    """Updates as whole HTTP requests, from 50 chats of 20 people."""
    for number in itertools.islice(_numbers, count):
        chat = -1000 - number % CHATS
        person = 1 + number % PEOPLE + (number % CHATS) * PEOPLE
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
        yield head.encode() + body


async def run(name: str, port: int, path: str, text: Callable[[int], str], count: int) -> Result:
    """Post so many updates, 40 at a time.

    :raises RuntimeError: one is not answered 200
    """
    waiting = list(requests(path, text, count))
    waiting.reverse()
    times: list[float] = []
    began = time.perf_counter()
    await asyncio.gather(*(_post(port, waiting, times) for _ in range(CONCURRENCY)))
    seconds = time.perf_counter() - began
    times.sort()
    p50, p95, p99 = (times[int(len(times) * share)] * 1000 for share in (0.5, 0.95, 0.99))
    return Result(name, count, seconds, count / seconds, p50, p95, p99)


async def _post(port: int, waiting: list[bytes], times: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while waiting:
        request = waiting.pop()
        began = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0])
        await reader.readexactly(length)
        times.append(time.perf_counter() - began)
    writer.close()
