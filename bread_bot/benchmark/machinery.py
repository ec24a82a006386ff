"""What a measurement needs around it: processes on a core of their own, their memory, and counted round trips."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx

from bread_bot.main.settings import BASE_DIR

START_SECONDS = 30.0


@asynccontextmanager
async def process(
    arguments: list[str],
    environment: Mapping[str, str],
    address: str,
    cores: Collection[int] = (),
    directory: Path = BASE_DIR,
) -> AsyncIterator[int]:
    """A server, on the given cores alone, once it answers at the address; its process id.

    :raises RuntimeError: it does not
    """
    with open(os.devnull, "wb") as nowhere:
        started = subprocess.Popen(
            [sys.executable, *arguments], cwd=directory, env=os.environ | environment, stdout=nowhere
        )
    if cores:
        os.sched_setaffinity(started.pid, cores)  # before it starts threads and workers: they inherit it
    try:
        await asyncio.to_thread(_wait_for, address, started)
        yield started.pid
    finally:
        started.terminate()
        await asyncio.to_thread(started.wait, START_SECONDS)


def _wait_for(address: str, started: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            if httpx.get(address).is_success:
                return
        except httpx.HTTPError:
            pass
        if started.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"no answer from {address}")
        time.sleep(0.02)


def memory(pid: int) -> float:
    """The resident memory of a process, MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


@contextmanager
def confined(cores: Collection[int], database: Path) -> Iterator[None]:
    """Have this process, what it starts, and the PostgreSQL of that data directory run on the given cores alone."""
    postmaster = int((database / "postmaster.pid").read_text().split(None, 1)[0])
    before = os.sched_getaffinity(0)
    for pid in (os.getpid(), *_family(postmaster)):
        os.sched_setaffinity(pid, cores)
    try:
        yield
    finally:
        for pid in (os.getpid(), *_family(postmaster)):
            os.sched_setaffinity(pid, before)


def _family(pid: int) -> Iterator[int]:
    """A process and all that it has started."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _family(int(child))


class RoundTrips:
    """How often PostgreSQL has said that it is ready for the next query: once for every round trip."""

    def __init__(self) -> None:
        self.count = 0

    async def follow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what PostgreSQL says, message by message: a letter, and a length that counts itself."""
        while True:
            head = await reader.readexactly(5)
            writer.write(head + await reader.readexactly(int.from_bytes(head[1:]) - 4))
            self.count += head[:1] == b"Z"


@asynccontextmanager
async def counted(socket: Path, directory: Path) -> AsyncIterator[RoundTrips]:
    """A directory whose socket leads to PostgreSQL's, and counts."""
    trips = RoundTrips()
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to_there = await asyncio.open_unix_connection(socket)
        for following in (_copy(reader, to_there), trips.follow(there, writer)):
            connection = asyncio.create_task(_until_the_end(following, writer, to_there))
            connections.add(connection)
            connection.add_done_callback(connections.discard)

    directory.mkdir()
    directory.chmod(0o711)
    server = await asyncio.start_unix_server(serve, directory / socket.name)
    (directory / socket.name).chmod(0o777)
    try:
        yield trips
    finally:
        server.close()
        for connection in connections:
            connection.cancel()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65_536):
        writer.write(chunk)


async def _until_the_end(following: Awaitable[None], *writers: asyncio.StreamWriter) -> None:
    try:
        await following
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        for writer in writers:
            writer.close()
