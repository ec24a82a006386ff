"""Answers on their way: every error by its meaning, the order within a chat, and two processes on one database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import func, select, text, update

from bread_bot.bot import pace
from bread_bot.bot.models import Chat, OutboxLane, OutboxMessage, Process
from bread_bot.bot.outbox import Outbox
from bread_bot.bot.presence import Presence
from bread_bot.bot.telegram import Sending, TelegramClient
from bread_bot.main.database.base import async_session
from bread_bot.main.settings import Connection, settings
from bread_bot.tests.auth.people import as_user, create_admin
from bread_bot.tests.locks import somebody_waits
from bread_bot.tests.talk import Talk
from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.fake import TOKEN, BotAPI

pytestmark = pytest.mark.usefixtures("clock")

LOCK = text("SELECT chat_id FROM outbox_lane WHERE chat_id = ANY(:chat_ids) ORDER BY chat_id FOR UPDATE SKIP LOCKED")


class Clock:
    """The outbox's clock: it stands still until the test turns it."""

    def __init__(self) -> None:
        self.time = pace.now()
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self._asleep = asyncio.Event()

    def now(self) -> float:
        """The Unix time."""
        return self.time

    async def sleep(self, seconds: float) -> None:
        """Sleep until the test has turned the clock far enough."""
        waked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.time + seconds, waked))
        self._asleep.set()
        await waked

    async def asleep(self, count: int = 1) -> list[float]:
        """Wait until so many sleep; for how many seconds yet, the shortest first."""
        async with asyncio.timeout(10):
            while len(self._sleepers) < count:
                self._asleep.clear()
                await self._asleep.wait()
        return sorted(round(moment - self.time, 6) for moment, _ in self._sleepers)

    def turn(self, seconds: float) -> None:
        """Let time pass."""
        self.time += seconds
        due = [one for one in self._sleepers if one[0] <= self.time + 1e-6]
        self._sleepers = [one for one in self._sleepers if one not in due]
        for _, waked in due:
            if not waked.done():
                waked.set_result(None)

    async def pass_until(self, done: asyncio.Future[Any]) -> list[float]:
        """Turn the clock to the next waking again and again, until something is done; the sleeps that it took."""
        slept = []
        while not done.done():
            sleeping = asyncio.ensure_future(self.asleep())
            await asyncio.wait([done, sleeping], return_when=asyncio.FIRST_COMPLETED)
            if sleeping.done():
                slept.append(sleeping.result()[0])
                self.turn(slept[-1])
            sleeping.cancel()
        return slept


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """No test waits for real."""
    clock = Clock()
    monkeypatch.setattr(pace, "now", clock.now)
    monkeypatch.setattr(pace, "sleep", clock.sleep)
    return clock


async def post(talk: Talk, said: str, chat: updates.Place | None = None) -> None:
    """Say something without waiting for its answer."""
    update = updates.message(said, chat=chat or talk.chat)
    talk.bot_api.note(update)
    assert (await talk.client.post("/", json=update)).status_code == 200


def texts(talk: Talk, chat: updates.Place | None = None) -> list[str | None]:
    """What the bot has said in a chat."""
    return [one.text for one in talk.bot_api.sent_to((chat or talk.chat).id)]


async def states() -> list[str]:
    """The states of all that is in the outbox, in order."""
    async with async_session() as session:
        return list(await session.scalars(select(OutboxMessage.state).order_by(OutboxMessage.id)))


# ---- errors by their meaning


@pytest.mark.parametrize(
    "failure", ["refused connection", "reset connection", "server error", "bad gateway", "not json", "half an answer"]
)
async def test_trouble_is_tried_again(talk: Talk, clock: Clock, failure: str) -> None:
    """The network and Telegram's own failures: the answer leaves later and later, and but once."""
    talk.bot_api.fail("sendMessage", failure, times=5)
    await post(talk, "Хлеб скажи раз")
    await post(talk, "Хлеб скажи два")
    slept = await clock.pass_until(asyncio.ensure_future(talk.settle()))
    assert texts(talk) == ["раз", "два"]
    assert len(slept) == 5
    assert all(0.5 * 2**number <= seconds <= 2**number for number, seconds in enumerate(slept))
    assert await states() == ["sent", "sent"]


async def test_a_lost_answer(talk: Talk, clock: Clock) -> None:
    """Nobody can know whether it has arrived: it is sent once more, the next one only once."""
    talk.bot_api.fail("sendMessage", "lost answer")
    await post(talk, "Хлеб скажи раз")
    await post(talk, "Хлеб скажи два")
    await clock.pass_until(asyncio.ensure_future(talk.settle()))
    assert texts(talk) == ["раз", "раз", "два"]


async def test_too_many_requests(talk: Talk, clock: Clock) -> None:
    """The chat waits exactly as long as it is told, the others don't."""
    talk.bot_api.fail("sendMessage", "too many requests", retry_after=37, chat_id=talk.chat.id)
    await post(talk, "Хлеб скажи раз")
    assert await clock.asleep() == [37]
    await post(talk, "Хлеб скажи два")  # what comes meanwhile does not wake it
    elsewhere = updates.group()
    await post(talk, "Хлеб скажи там", elsewhere)
    await talk.bot_api.wait_for(lambda api: api.sent_to(elsewhere.id))
    clock.turn(36.9)
    assert await clock.asleep() == [pytest.approx(0.1, abs=0.001)]
    assert texts(talk) == []
    clock.turn(0.1)
    await talk.settle()
    assert texts(talk) == ["раз", "два"]


async def test_too_many_requests_in_all(talk: Talk, clock: Clock) -> None:
    """Told so in several chats at once, the bot is quiet everywhere."""
    places = [updates.group() for _ in range(3)]
    talk.bot_api.fail("sendMessage", "too many requests", retry_after=5, times=3)
    for number, place in enumerate(places, 1):
        await post(talk, "Хлеб скажи раз", place)
        await clock.asleep(number)
    await post(talk, "Хлеб скажи раз")
    assert await clock.asleep(4) == [5, 5, 5, 5]
    assert not talk.bot_api.sent
    clock.turn(5)
    await talk.settle()
    assert len(talk.bot_api.sent) == 4


@pytest.mark.parametrize("failure", ["thread gone", "thread closed"])
async def test_a_topic_that_is_gone(talk: Talk, failure: str) -> None:
    """The answer goes to the forum's general topic."""
    talk.chat = updates.group(kind="forum")
    talk.bot_api.fail("sendMessage", failure)
    (answer,) = await talk.hear("Хлеб скажи раз", thread=7)
    assert answer.text == "раз" and answer.thread is None
    assert talk.bot_api.calls_of("sendMessage")[0].params["message_thread_id"] == 7


async def test_a_group_that_has_moved(talk: Talk) -> None:
    """Telegram tells the new id: everything moves, and the answer goes there, with all that waits behind it."""
    talk.chat = updates.group(kind="group")
    place = updates.group()
    await talk.say("Хлеб добавь триггер привет=медвед")
    talk.bot_api.world.migrated[talk.chat.id] = place.id
    await post(talk, "Хлеб скажи раз")
    await post(talk, "Хлеб скажи два")
    await talk.settle()
    assert texts(talk, place) == ["раз", "два"]
    assert await talk.say("привет", chat=place) == "медвед"
    async with async_session() as session:
        assert list(await session.scalars(select(Chat.id))) == [place.id]


@pytest.mark.parametrize("failure", ["blocked", "kicked", "not a member", "deactivated"])
async def test_a_chat_that_is_closed(talk: Talk, failure: str) -> None:
    """It is marked as left, what waits is dropped; once the bot is seen there, it speaks again."""
    talk.bot_api.fail("sendMessage", failure)
    hanging = talk.bot_api.fail("sendMessage", "hang", when=lambda call: False)
    await talk.post(updates.message("Хлеб скажи раз", chat=talk.chat))
    hanging.release()
    assert texts(talk) == []
    assert await states() == ["dropped"]
    async with async_session() as session:
        assert await session.scalar(select(Chat.left_at)) is not None
    assert await talk.say("Хлеб скажи два") == "два"
    async with async_session() as session:
        assert await session.scalar(select(Chat.left_at)) is None


async def test_what_waits_for_a_closed_chat(talk: Talk, clock: Clock) -> None:
    """All that waits behind the refused answer is dropped with it, and nothing of it comes later."""
    talk.bot_api.fail("sendMessage", "server error")
    talk.bot_api.fail("sendMessage", "kicked")
    await post(talk, "Хлеб скажи раз")
    await clock.asleep()
    await post(talk, "Хлеб скажи два")
    clock.turn(1)
    await talk.settle()
    assert await states() == ["dropped", "dropped"]
    assert await talk.say("Хлеб скажи три") == "три"
    assert texts(talk) == ["три"]


async def test_a_file_that_is_gone(talk: Talk) -> None:
    """The member is told which key has the dead value."""
    voice = updates.message(voice=True, chat=talk.chat)
    await talk.post(voice)
    await talk.say("Хлеб запомни триггер гимн", reply_to=voice)
    talk.bot_api.fail("sendVoice", "broken file")
    (answer,) = await talk.hear("гимн")
    assert "«гимн»" in str(answer.text)
    assert (await states())[-2:] == ["dead", "sent"]


@pytest.mark.parametrize("failure", ["no rights", "too long", "chat not found"])
async def test_a_refusal_for_good(talk: Talk, failure: str) -> None:
    """It is kept with its reason, and keeps nobody waiting."""
    talk.bot_api.fail("sendMessage", failure)
    assert await talk.say("Хлеб скажи раз") is None
    assert await talk.say("Хлеб скажи два") == "два"
    async with async_session() as session:
        rows = await OutboxMessage.async_filter(session, OutboxMessage.state == "dead")
    assert len(rows) == 1 and str(rows[0].error).startswith("Bad Request")


async def test_dead_ones_are_tried_again(talk: Talk) -> None:
    """Once, however often it is asked for; also when others have been sent meanwhile."""
    outbox: Outbox = talk.app.state.outbox
    talk.bot_api.fail("sendMessage", "no rights")
    await talk.say("Хлеб скажи раз")
    await talk.say("Хлеб скажи два")
    async with async_session() as session:
        number = await session.scalar(select(OutboxMessage.id).where(OutboxMessage.state == "dead"))
    assert number is not None
    assert await outbox.retry(number) and await outbox.retry(number)
    await talk.settle()
    assert texts(talk) == ["два", "раз"]
    assert not await outbox.retry(number + 1000)


async def test_given_up(talk: Talk, clock: Clock) -> None:
    """After OUTBOX_HOURS an answer is nobody's business any more; the next one leaves."""
    talk.bot_api.fail("sendMessage", "server error", times=2)
    await post(talk, "Хлеб скажи раз")
    await clock.asleep()
    outbox: Outbox = talk.app.state.outbox
    for lane in outbox._lanes.values():
        lane.rows[0].created_at = lane.rows[0].created_at.replace(year=2020)
    clock.turn(1)
    await talk.settle()
    assert await states() == ["dead"]
    assert await talk.say("Хлеб скажи два") == "два"


async def test_a_bug_holds_nobody_up(talk: Talk, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can't be sent for no reason of Telegram's is tried again like a failure of the network."""
    whole = TelegramClient.send

    async def broken(*_: Any) -> Any:
        monkeypatch.setattr(TelegramClient, "send", whole)
        raise KeyError("a bug")

    monkeypatch.setattr(TelegramClient, "send", broken)
    await post(talk, "Хлеб скажи раз")
    await clock.pass_until(asyncio.ensure_future(talk.settle()))
    assert texts(talk) == ["раз"]


async def test_the_database_fails_while_results_are_noted(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was sent is noted as soon as it can be, and the next one leaves only then."""
    async with async_session() as session, session.begin():
        await session.execute(text("CREATE TABLE broken (name text)"))
        await session.execute(text("""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF NEW.state = 'sent' AND EXISTS (SELECT FROM broken) THEN RAISE EXCEPTION 'disk full'; END IF;
                RETURN NEW; END $$
            """))
        await session.execute(
            text("CREATE TRIGGER refuse BEFORE UPDATE ON outbox FOR EACH ROW EXECUTE FUNCTION refuse()")
        )
        await session.execute(text("INSERT INTO broken VALUES ('yes')"))
    await post(talk, "Хлеб скажи раз")
    await post(talk, "Хлеб скажи два")
    await talk.bot_api.wait_for(1)
    async with async_session() as session, session.begin():
        await session.execute(text("DELETE FROM broken"))
    await talk.settle()
    assert texts(talk) == ["раз", "два"]


async def test_long_texts(talk: Talk, clock: Clock) -> None:
    """They come in parts, in order, also when one of them is delayed."""
    said = " ".join(f"слово{number}" for number in range(1500))
    talk.bot_api.fail("sendMessage", "server error", when=lambda call: "слово800 " in call.params["text"])
    await post(talk, f"Хлеб скажи {said}")
    await clock.pass_until(asyncio.ensure_future(talk.settle()))
    parts = [str(part) for part in texts(talk)]
    assert len(parts) > 2 and all(len(part) <= 4096 for part in parts)
    assert " ".join(parts) == said


async def test_the_database_alone_is_enough(talk: Talk) -> None:
    """A chat whose lane has been emptied is free, and its counter is zero."""
    await talk.say("Хлеб скажи раз")
    async with async_session() as session:
        lane = (await session.execute(select(OutboxLane.waiting, OutboxLane.owner))).one()
    assert tuple(lane) == (0, None)


# ---- two processes on one database


CHAT = -1000000777001
OTHER = -1000000777002


@pytest.fixture
async def chats(database: Connection, bot_api: BotAPI, test_settings: pytest.MonkeyPatch) -> None:
    """Two known chats and no server."""
    async with async_session() as session, session.begin():
        session.add_all(Chat(id=number, type="supergroup", title="Пекарня") for number in (CHAT, OTHER))


@asynccontextmanager
async def process() -> AsyncIterator[tuple[Outbox, Presence]]:
    """The outbox of a process that beats only when it is told to."""
    presence = Presence()
    outbox = Outbox(TelegramClient(TOKEN, str(settings.TELEGRAM_API_URL)), presence)
    await presence.beat()
    yield outbox, presence
    await outbox.stop(5)


async def say(outbox: Outbox, said: str, chat_id: int = CHAT) -> None:
    """What a unit of work does with an answer."""
    async with async_session() as session:
        stored = await outbox.store(session, [(None, Sending(chat_id, "sendMessage", {"text": said}))])
        await session.commit()
    outbox.send(stored)


async def seem_dead(presence: Presence) -> None:
    """A process that has not been able to beat for the whole lease: it knows, and so do the others."""
    presence._alive_until = 0.0
    async with async_session() as session, session.begin():
        ago = func.now() - text("interval '1 hour'")
        await session.execute(update(Process).where(Process.id == presence.id).values(seen_at=ago))


@pytest.mark.usefixtures("chats")
async def test_order_across_processes(bot_api: BotAPI, clock: Clock) -> None:
    """Whoever stores it, a chat's answers leave in the order of their commits; other chats don't wait."""
    bot_api.fail("sendMessage", "server error", chat_id=CHAT)
    async with process() as (first, _), process() as (second, _):
        for number in range(10):
            await say((first, second)[number % 2], str(number))
        await clock.asleep()
        await say(second, "там", OTHER)
        await bot_api.wait_for(1)
        clock.turn(10)  # what the database calls a second from now may be later than this clock's
        await bot_api.wait_for(11)
    assert [one.text for one in bot_api.sent_to(CHAT)] == [str(number) for number in range(10)]
    assert bot_api.sent[0].text == "там"


@pytest.mark.usefixtures("chats")
async def test_a_dead_process(bot_api: BotAPI, clock: Clock) -> None:
    """What it had claimed is taken over, with what was stored since; the dead one, awake again, does not send it."""
    bot_api.fail("sendMessage", "server error")
    async with process() as (first, dead), process() as (second, _):
        await say(first, "раз")
        await say(first, "два")
        await clock.asleep()
        await second.sweep()
        await second.flush()
        assert not bot_api.sent, "it is alive"
        await seem_dead(dead)
        await second.sweep()
        await clock.asleep(2)
        clock.turn(60)
        await second.flush()
        await first.flush()
        assert [one.text for one in bot_api.sent] == ["раз", "два"]
        await say(first, "три")
        await first.flush()
        assert [one.text for one in bot_api.sent] == ["раз", "два", "три"]


@pytest.mark.usefixtures("chats")
async def test_a_lease_that_lapsed_while_sending(bot_api: BotAPI) -> None:
    """Alive again before it looks, a process still knows of the lapse: only the one in flight is doubled."""
    bot_api.fail("sendMessage", "late answer")
    async with process() as (first, lapsed), process() as (second, _):
        for said in ("раз", "два", "три"):
            await say(first, said)
        await bot_api.wait_for(1)
        await seem_dead(lapsed)
        slow = bot_api.fail("sendMessage", "hang", when=lambda call: call.params["text"] == "два")
        await second.sweep()
        await bot_api.wait_for(lambda api: [one.params["text"] for one in api.calls][-1] == "два")
        await lapsed.beat()
        bot_api._failures[0].release()
        await asyncio.wait_for(first.flush(), 5)
        assert [one.text for one in bot_api.sent] == ["раз", "раз"], "the second process has the others"
        slow.release()
        await second.flush()
    assert [one.text for one in bot_api.sent] == ["раз", "раз", "два", "три"]


@pytest.mark.usefixtures("chats")
async def test_results_lock_lanes_in_order(bot_api: BotAPI) -> None:
    """The results of many chats are noted at once, and wait for a lane as those do who store: by the chats' ids."""
    crowd = [CHAT - 100 - number for number in range(10)]
    async with async_session() as session, session.begin():
        session.add_all(Chat(id=number, type="supergroup", title="Пекарня") for number in crowd)
    async with process() as (outbox, _), async_session() as first, async_session() as second:
        one = bot_api.fail("sendMessage", "hang", chat_id=CHAT)
        others = bot_api.fail("sendMessage", "hang", times=None)
        for number in (CHAT, *crowd):
            await say(outbox, "раз", number)
        await bot_api.wait_for(lambda api: len(api.calls) == 11)
        await first.execute(LOCK, {"chat_ids": [CHAT]})
        one.release()
        await somebody_waits()
        others.release()
        while len(outbox._settled) < len(crowd):  # they wait for the first one's note
            await asyncio.sleep(0)
        await second.execute(LOCK, {"chat_ids": [min(crowd)]})
        await first.commit()
        await somebody_waits()
        free = (await first.execute(LOCK, {"chat_ids": crowd})).all()
        assert len(free) == len(crowd) - 1
        await first.commit()
        await second.commit()
        await outbox.flush()
    assert len(bot_api.sent) == 11


@pytest.mark.usefixtures("chats")
async def test_a_process_that_stops(bot_api: BotAPI, clock: Clock) -> None:
    """What it can't send in time it gives back, and another one sends it at once."""
    bot_api.fail("sendMessage", "too many requests", retry_after=600, chat_id=CHAT)
    async with process() as (first, stopping), process() as (second, _):
        await say(first, "раз")
        await clock.asleep()
        await say(first, "там", OTHER)
        await first.stop(0.2)
        await stopping.stop()
        assert [one.text for one in bot_api.sent] == ["там"]
        await second.sweep()
        await clock.asleep(2)
        clock.turn(660)
        await second.flush()
        assert [one.text for one in bot_api.sent] == ["там", "раз"]


@pytest.mark.usefixtures("chats")
async def test_stored_while_the_chat_is_closed(bot_api: BotAPI, clock: Clock) -> None:
    """An answer that is committed at that very moment is dropped, too, or sent: it does not stay for ever."""
    bot_api.fail("sendMessage", "server error")
    bot_api.fail("sendMessage", "kicked")
    async with process() as (outbox, _), async_session() as session:
        await say(outbox, "раз")
        await clock.asleep()
        late = await outbox.store(session, [(None, Sending(CHAT, "sendMessage", {"text": "два"}))])
        clock.turn(1)
        await bot_api.wait_for(lambda api: [call.status for call in api.calls] == [500, 403])
        for _ in range(20):
            await asyncio.sleep(0)
        await session.commit()
        outbox.send(late)
        await outbox.flush()
    assert await states() in (["dropped", "dropped"], ["dropped", "sent"])
    async with async_session() as session:
        assert await session.scalar(select(OutboxLane.waiting)) == 0


async def test_by_rest(talk: Talk) -> None:
    """Admins see what Telegram has refused, and why; they have it tried again or throw it away, once or more often."""
    talk.client.headers.update(as_user(await create_admin()))
    talk.bot_api.fail("sendMessage", "no rights", times=2)
    await talk.say("Хлеб скажи раз")
    await talk.say("Хлеб скажи два")
    page = (await talk.client.get("/outbox")).json()
    assert page["total"] == 2 and "not enough rights" in page["items"][0]["error"]
    first, second = (one["id"] for one in page["items"])
    for _ in range(2):
        assert (await talk.client.put(f"/outbox/{first}/retry")).status_code == 204
        assert (await talk.client.delete(f"/outbox/{second}")).status_code == 204
    await talk.settle()
    assert texts(talk) == ["раз"]
    assert (await talk.client.get("/outbox")).json()["total"] == 0
    assert (await talk.client.put(f"/outbox/{second}/retry")).status_code == 404
