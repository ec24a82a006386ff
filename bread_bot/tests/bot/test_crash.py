"""The real `python server.py` as processes, killed while people talk: nothing is lost, hardly anything is doubled."""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import Any

import httpx
import pytest

from bread_bot.main.database import embedded
from bread_bot.main.settings import BASE_DIR, Connection
from bread_bot.tests.conftest import throw_away_place
from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.fake import TOKEN, BotAPI

pytestmark = pytest.mark.slow

SECRET = "a-secret-of-the-crash-test"
CHATS = 8


class Server:
    """One server process; it can be killed and started again on the same port."""

    def __init__(self, telegram: str, connection: Connection, **options: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._environment = os.environ | {
            "DB_NAME": connection["database"],
            "DB_USER": connection["user"],
            "DB_PASSWORD": connection["password"] or "",
            "DB_HOST": connection["host"],
            "DB_PORT": str(connection["port"]),
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "TELEGRAM_API_URL": telegram,
            "WEBHOOK_URL": "https://bread.example/",
            "WEBHOOK_SECRET": SECRET,
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "LEASE_SECONDS": "2",
            "CHAT_RATE": "0",
            "GROUP_RATE": "0",
            "TOTAL_RATE": "0",
            "COMMANDS_PER_MINUTE": "0",
            "LOG_LEVEL": "ERROR",
            **options,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, in the background."""
        self.process = subprocess.Popen([sys.executable, "server.py"], cwd=BASE_DIR, env=self._environment)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End it; SIGTERM asks it to."""
        assert self.process is not None
        self.process.send_signal(number)
        if number == signal.SIGKILL:
            self.process.wait()

    async def ready(self) -> None:
        """Wait until it serves."""
        async with asyncio.timeout(60), httpx.AsyncClient() as client:
            while True:
                assert self.process is not None and self.process.poll() is None, "the server has stopped"
                with suppress(httpx.TransportError):
                    if (await client.get(f"http://127.0.0.1:{self.port}/health/ready")).status_code == 200:
                        return
                await asyncio.sleep(0.05)

    async def ended(self, seconds: float) -> None:
        """Wait until it has ended by itself."""
        assert self.process is not None
        assert await asyncio.to_thread(self.process.wait, seconds) in (0, -signal.SIGTERM)


@contextmanager
def servers(count: int, telegram: str, connection: Connection, **options: str) -> Iterator[list[Server]]:
    """So many servers on one database, started."""
    with ExitStack() as stack:
        made = [Server(telegram, connection, **options) for _ in range(count)]
        for one in made:
            one.start()
            stack.callback(one.kill)
        yield made


class Telegram:
    """Telegram's side of the webhook: a chat's updates in order, each again and again until it is answered 2xx."""

    def __init__(self, running: list[Server], seed: int) -> None:
        self.said: dict[int, list[str]] = {}
        self.delivered = 0
        self._running = running
        self._ended = asyncio.Event()
        self._talking: list[asyncio.Task[None]] = []
        self._random = random.Random(seed)
        self._client = httpx.AsyncClient(timeout=10, headers={"X-Telegram-Bot-Api-Secret-Token": SECRET})

    async def deliver(self, update: dict[str, Any]) -> None:
        """Deliver one update for sure."""
        while True:
            port = self._random.choice(self._running).port
            with suppress(httpx.TransportError):
                if (await self._client.post(f"http://127.0.0.1:{port}/", json=update)).status_code == 200:
                    self.delivered += 1
                    return
            await asyncio.sleep(0.05)

    def begin(self) -> None:
        """Let people talk in all chats."""
        self._talking = [asyncio.create_task(self._talk()) for _ in range(CHATS)]

    async def end(self) -> None:
        """It is enough; wait until all that they said is delivered."""
        self._ended.set()
        await asyncio.gather(*self._talking)

    async def _talk(self) -> None:
        chat = updates.group()
        said = self.said[chat.id] = []
        while not self._ended.is_set():
            said.append(f"{len(said)} в {chat.id}")
            await self.deliver(updates.message(f"Хлеб скажи {said[-1]}", chat=chat))
            await asyncio.sleep(self._random.uniform(0, 0.03))

    async def close(self) -> None:
        """Hang up."""
        for task in self._talking:
            task.cancel()
        await asyncio.gather(*self._talking, return_exceptions=True)
        await self._client.aclose()


Telegrams = Callable[[list[Server], int], Telegram]


@pytest.fixture
async def telegrams() -> AsyncIterator[Telegrams]:
    """Makes a Telegram for servers and a seed."""
    made = []

    def make(running: list[Server], seed: int) -> Telegram:
        made.append(Telegram(running, seed))
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def all_arrived(bot_api: BotAPI, telegram: Telegram) -> None:
    """Wait until everything that was said has arrived, each chat's in order."""
    wanted = sum(map(len, telegram.said.values()))
    await bot_api.wait_for(lambda api: len({one.text for one in list(api.sent)}) >= wanted, timeout=40)
    for chat_id, said in telegram.said.items():
        arrived = [str(one.text) for one in bot_api.sent_to(chat_id)]
        assert list(dict.fromkeys(arrived)) == said
    bot_api.assert_clean()


@pytest.mark.parametrize("seed", [1, 2])
async def test_servers_are_killed(database: Connection, seed: int, telegrams: Telegrams) -> None:
    """Two servers on one database, one of them killed at a random moment, again and again."""
    bot_api, chance, kills = BotAPI(), random.Random(seed), 5
    with bot_api.serve() as address, servers(2, address, database) as running:
        for one in running:
            await one.ready()
        telegram = telegrams(running, seed)
        telegram.begin()
        for _ in range(kills):
            await asyncio.sleep(chance.uniform(0.2, 2))
            victim = chance.choice(running)
            victim.kill()
            victim.start()
            await victim.ready()
        await telegram.end()
        await all_arrived(bot_api, telegram)
    doubled = len(bot_api.sent) - telegram.delivered
    assert telegram.delivered > 100
    assert 0 <= doubled <= kills * CHATS, "only what was in flight"


async def test_the_only_server_is_killed(database: Connection, telegrams: Telegrams) -> None:
    """Also with everything unsent at that moment: Telegram had not answered."""
    bot_api = BotAPI()
    hanging = bot_api.fail("sendMessage", "hang", times=CHATS)
    with bot_api.serve() as address, servers(1, address, database) as (only,):
        await only.ready()
        telegram = telegrams([only], 1)
        telegram.begin()
        await bot_api.wait_for(lambda api: hanging.happened == CHATS)
        await asyncio.sleep(0.5)
        only.kill()
        assert not bot_api.sent and telegram.delivered > CHATS
        only.start()
        began = time.monotonic()
        await only.ready()
        await telegram.end()
        await all_arrived(bot_api, telegram)
        assert time.monotonic() - began < 30
    assert len(bot_api.sent) == telegram.delivered


async def test_postgresql_is_killed(telegrams: Telegrams) -> None:
    """The embedded database dies as by the kernel's hand and is started again: the work goes on by itself."""
    bot_api = BotAPI()
    with throw_away_place() as quick:
        place = replace(quick, is_durable=True)  # a commit is one
        embedded.ensure_running(place)
        connection = Connection(
            database=embedded.DATABASE, user=embedded.USER, password=None, host=str(place.sockets), port=embedded.PORT
        )
        with bot_api.serve() as address, servers(2, address, connection) as running:
            for one in running:
                await one.ready()
            telegram = telegrams(running, 3)
            telegram.begin()
            for _ in range(3):
                await asyncio.sleep(1.5)
                before = telegram.delivered
                postmaster = int((place.data / "postmaster.pid").read_text().split()[0])
                os.kill(postmaster, signal.SIGKILL)
                async with asyncio.timeout(40):
                    while telegram.delivered < before + 2 * CHATS:
                        await asyncio.sleep(0.05)
            await telegram.end()
            await all_arrived(bot_api, telegram)
    assert 0 <= len(bot_api.sent) - telegram.delivered <= 3 * CHATS


async def test_a_server_is_asked_to_stop(database: Connection, telegrams: Telegrams) -> None:
    """It ends within 10 seconds or so, and what it could not send another one sends at once, not after the lease."""
    bot_api = BotAPI()
    stuck, free = updates.group(), updates.group()
    bot_api.fail("sendMessage", "hang", chat_id=stuck.id)
    with bot_api.serve() as address, servers(2, address, database, LEASE_SECONDS="16") as running:
        first, second = running
        await first.ready()
        await second.ready()
        telegram = telegrams([first], 4)
        for said in ("раз", "два"):
            await telegram.deliver(updates.message(f"Хлеб скажи {said}", chat=stuck))
        await telegram.deliver(updates.message("Хлеб скажи там", chat=free))
        await bot_api.wait_for(1)
        began = time.monotonic()
        first.kill(signal.SIGTERM)
        await first.ended(14)
        stopped = time.monotonic()
        assert stopped - began < 12.5
        await bot_api.wait_for(3)
        assert bot_api.sent[1].at - stopped < 3
    assert [one.text for one in bot_api.sent] == ["там", "раз", "два"]
