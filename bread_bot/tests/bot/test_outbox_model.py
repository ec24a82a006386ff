"""A model of the outbox: two processes on one database, failures, and crashes between any two steps.

Whatever happens, the first time that each answer arrives is in the order of the commits, every committed answer
arrives, and an answer arrives more than once only if it was in flight when its process crashed or lost its lease, or
when Telegram's own answer got lost.
"""

import asyncio
import random
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings, strategies
from sqlalchemy import func, text, update

from bread_bot.bot import pace
from bread_bot.bot.models import Chat, OutboxLane, OutboxMessage, Process
from bread_bot.bot.outbox import Outbox
from bread_bot.bot.presence import Presence
from bread_bot.bot.telegram import Sending, TelegramClient
from bread_bot.main.database.base import async_session
from bread_bot.tests.telegram.fake import TOKEN, BotAPI

CHATS = (-1000000888001, -1000000888002)
FAILURES = ("server error", "reset connection", "lost answer", "too many requests")

Step = tuple[str, int, int]
STEPS = strategies.one_of(
    strategies.tuples(strategies.just("say"), strategies.integers(0, 1), strategies.integers(0, 1)),
    strategies.tuples(strategies.just("let"), strategies.integers(0, 8), strategies.just(0)),
    strategies.tuples(strategies.just("fail"), strategies.integers(0, 3), strategies.just(0)),
    strategies.tuples(
        strategies.sampled_from(("crash", "lapse", "sweep")),
        strategies.integers(0, 1),
        strategies.just(0),
    ),
)


class Server:
    """A process that can be killed and started anew."""

    def __init__(self) -> None:
        self.presence = Presence()
        self.outbox = Outbox(TelegramClient(TOKEN, "https://api.telegram.org"), self.presence)

    async def die(self) -> None:
        """End as by kill -9: nothing is finished, nothing is given back."""
        outbox = self.outbox
        tasks = [lane.task for lane in outbox._lanes.values() if lane.task] + list(outbox._loads)
        tasks += [outbox._settling] if outbox._settling else []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.be_taken_for_dead()

    async def be_taken_for_dead(self) -> None:
        """The lease ends, for the others and for itself."""
        self.presence._alive_until = 0.0
        async with async_session() as session, session.begin():
            ago = func.now() - text("interval '1 hour'")
            await session.execute(update(Process).where(Process.id == self.presence.id).values(seen_at=ago))


class Model:
    """What was said, in the order of the commits, against what has arrived."""

    def __init__(self, bot_api: BotAPI) -> None:
        self.bot_api = bot_api
        self.servers = [Server(), Server()]
        self.said: dict[int, list[str]] = {chat: [] for chat in CHATS}
        self.may_double: Counter[int] = Counter()

    async def take(self, step: Step) -> None:
        """One step of anybody."""
        kind, number, other = step
        if kind == "say":
            await self.say(self.servers[number], CHATS[other])
        elif kind == "let":
            for _ in range(number):
                await asyncio.sleep(0)
        elif kind == "fail":
            failure = FAILURES[number]
            self.bot_api.fail("sendMessage", failure, retry_after=1 if number == 3 else None)
            if failure == "lost answer":
                self.may_double.update(CHATS)
        elif kind == "sweep":
            await self.servers[number].outbox.sweep()
        else:
            self.may_double.update(CHATS)  # one answer in flight in each chat
            await (self.servers[number].die() if kind == "crash" else self.servers[number].be_taken_for_dead())
            if kind == "crash":
                self.servers[number] = Server()
            await self.servers[number].presence.beat()

    async def say(self, server: Server, chat_id: int) -> None:
        """What a unit of work does."""
        said = f"{len(self.said[chat_id])}"
        async with async_session() as session:
            sending = Sending(chat_id, "sendMessage", {"text": said})
            stored = await server.outbox.store(session, [(None, sending)])
            await session.commit()
        self.said[chat_id].append(said)
        server.outbox.send(stored)

    async def finish(self) -> None:
        """Let everything be sent."""
        async with asyncio.timeout(20):
            for _ in range(3):
                for server in self.servers:
                    await server.presence.beat()
                    await server.outbox.sweep()
                for server in self.servers:
                    await server.outbox.flush()

    async def check(self) -> None:
        """Nothing is lost, nothing overtakes, nothing is doubled that was not in flight."""
        for chat_id, said in self.said.items():
            arrived = [str(one.text) for one in self.bot_api.sent_to(chat_id)]
            assert list(dict.fromkeys(arrived)) == said, f"lost, or out of order: {arrived}"
            assert len(arrived) - len(said) <= self.may_double[chat_id], f"said twice: {arrived}"
        async with async_session() as session:
            assert await OutboxMessage.async_count(session, OutboxMessage.state != "sent") == 0
            assert not list(await session.scalars(text("SELECT 1 FROM outbox_lane WHERE waiting <> 0")))


async def clean() -> None:
    """An empty outbox and two chats."""
    async with async_session() as session, session.begin():
        for model in (OutboxMessage, OutboxLane, Process, Chat):
            await session.execute(text(f"DELETE FROM {model.__tablename__}"))
        session.add_all(Chat(id=number, type="supergroup", title="") for number in CHATS)


async def no_sleep(seconds: float) -> None:
    """Delays have no length here; they are shown elsewhere."""
    await asyncio.sleep(0)


async def play(bot_api: BotAPI, steps: list[Step]) -> None:
    """One story, from an empty outbox to the end."""
    await clean()
    bot_api.release()
    bot_api._failures.clear()
    bot_api.sent.clear()
    model = Model(bot_api)
    for server in model.servers:
        await server.presence.beat()
    for step in steps:
        await model.take(step)
    await model.finish()
    await model.check()
    for server in model.servers:
        await server.outbox.stop(1)


@pytest.fixture
def quick(test_settings: pytest.MonkeyPatch) -> None:
    """No delays."""
    test_settings.setattr(pace, "sleep", no_sleep)


@pytest.mark.usefixtures("database", "quick")
async def test_known_stories(bot_api: BotAPI) -> None:
    """A few seeds of long stories, each time the same."""
    for seed in range(12):
        await play(bot_api, story(random.Random(seed), 60))


def story(chance: random.Random, length: int) -> list[Step]:
    """A long random story."""
    kinds = chance.choices(("say", "let", "fail", "sweep", "crash", "lapse"), (8, 6, 2, 1, 1, 1), k=length)
    most = {"let": 8, "fail": 3}
    return [(kind, chance.randint(0, most.get(kind, 1)), chance.randint(0, 1)) for kind in kinds]


@pytest.mark.slow
@pytest.mark.usefixtures("database", "quick")
async def test_any_story(bot_api: BotAPI) -> None:
    """Hypothesis looks for the shortest story that goes wrong."""
    loop = asyncio.get_running_loop()

    @settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(strategies.lists(STEPS, max_size=30))
    def tell(steps: list[Step]) -> None:
        asyncio.run_coroutine_threadsafe(play(bot_api, steps), loop).result()

    await asyncio.to_thread(tell)
