"""A group becomes a supergroup: all that belongs to it moves to the new id, once, by whatever way it is told."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from bread_bot.bot.models import Activity, Chat, ChatToMember, Deferred, HandledUpdate, Member
from bread_bot.bot.models import OutboxLane, OutboxMessage
from bread_bot.bot.renumber import renumber
from bread_bot.main.database.base import Base, async_session
from bread_bot.my_app.models import Note
from bread_bot.nonsense.models import DictionaryEntry, Transition
from bread_bot.packs.models import Taught
from bread_bot.tests.locks import somebody_waits
from bread_bot.tests.talk import Talk
from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.updates import Place, people

Telling = Callable[[Talk, Place, Place], Awaitable[None]]


async def by_the_old_chat(talk: Talk, old: Place, new: Place) -> None:
    """The service message in the group."""
    await talk.post(updates.migration(old, new)[0])


async def by_the_new_chat(talk: Talk, old: Place, new: Place) -> None:
    """The service message in the supergroup."""
    await talk.post(updates.migration(old, new)[1])


async def by_both(talk: Talk, old: Place, new: Place) -> None:
    """Both, as Telegram sends them, and again."""
    for update in updates.migration(old, new) + updates.migration(old, new):
        await talk.post(update)


async def by_both_the_new_one_first(talk: Talk, old: Place, new: Place) -> None:
    """Both, the wrong way round."""
    for update in reversed(updates.migration(old, new)):
        await talk.post(update)


async def by_a_refusal(talk: Talk, old: Place, new: Place) -> None:
    """The error 400 that an answer gets."""
    talk.bot_api.world.migrated[old.id] = new.id
    await talk.say("Хлеб скажи где я", chat=old)


async def by_everything(talk: Talk, old: Place, new: Place) -> None:
    """The refusal first, then both messages."""
    await by_a_refusal(talk, old, new)
    await by_both(talk, old, new)


async def teach(talk: Talk, chat: Place, word: str) -> None:
    """Let a chat have something of every kind: some of its own, some that every chat has."""
    for said in (
        f"Хлеб добавь триггер {word}=из {word}",
        "Хлеб добавь триггер общий=общий",
        f"Хлеб добавь подстроку подстрока {word}=нашлась {word}",
        f"Хлеб добавь бред {word}",
        "Хлеб добавь бред общий",
    ):
        assert await talk.say(said, chat=chat)
    talk.speaker = people.vera if word == "новый" else people.boris
    await talk.say("мы пишем просто так", chat=chat)
    talk.speaker = people.anna
    async with async_session() as session, session.begin():
        session.add(Note(chat_id=chat.id, text=f"записка {word}"))


@pytest.mark.parametrize("both", [False, True], ids=["one is known", "both are known"])
@pytest.mark.parametrize(
    "tell", [by_the_old_chat, by_the_new_chat, by_both, by_both_the_new_one_first, by_a_refusal, by_everything]
)
async def test_all_moves(talk: Talk, tell: Telling, both: bool) -> None:
    """Packs, cues, members, counts, settings, dictionary, notes: as if the chat had had the new id all the time."""
    old, new = updates.group(kind="group"), updates.group()
    await teach(talk, old, "старый")
    await talk.say("Хлеб процент 50", chat=old)
    if both:
        await teach(talk, new, "новый")
        await talk.say("Хлеб пауза 0", chat=new)
    wrote = await count_wrote()
    await tell(talk, old, new)
    async with async_session() as session:
        assert list(await session.scalars(select(Chat.id))) == [new.id]
        chat = await Chat.async_get(session, new.id)
        assert chat is not None and chat.type == "supergroup" and chat.left_at is None
        words = ["новый", "старый"] if both else ["старый"]
        values = list(await session.scalars(select(Taught.value).where(Taught.reaction == "trigger")))
        assert sorted(values) == sorted(["общий", *(f"из {word}" for word in words)])
        assert sorted(await session.scalars(select(DictionaryEntry.normal))) == sorted(["общий", *words])
        assert sorted(await session.scalars(select(Note.text))) == [f"записка {word}" for word in words]
        members = set(await session.scalars(select(ChatToMember.member_id)))
        assert members >= {people.anna.id, people.boris.id, *([people.vera.id] if both else [])}
        lane = (await session.execute(select(OutboxLane.chat_id, OutboxLane.waiting))).all()
        assert [tuple(one) for one in lane] == [(new.id, 0)]
    assert await count_wrote() == wrote + (tell in (by_a_refusal, by_everything))
    assert await talk.say("Хлеб процент", chat=new) and "50" in str(talk.bot_api.sent[-1].text)
    await talk.say("Хлеб процент 100", chat=new)
    for word in words:
        assert await talk.say(word, chat=new) == f"из {word}"
        assert await talk.say(f"вот подстрока {word} тут", chat=new) == f"нашлась {word}"


async def test_keys_of_every_kind_are_found_afterwards(talk: Talk) -> None:
    """What was taught in one chat is found by other means than what was taught in the other."""
    old, new = updates.group(kind="group"), updates.group()
    await talk.say("Хлеб добавь триггер а б=целое", chat=old)
    await talk.say("Хлеб добавь подстроку ну и ну=два слова", chat=new)
    await by_both(talk, old, new)
    assert await talk.say("а б", chat=new) == "целое"
    assert await talk.say("вот ну и ну", chat=new) == "два слова"


async def count_wrote() -> int:
    """How many messages are counted, in all chats."""
    async with async_session() as session:
        return await session.scalar(select(func.sum(Activity.wrote))) or 0


@pytest.mark.usefixtures("database")
async def test_counts_are_added_up() -> None:
    """What one member did on one day under both ids is one number."""
    async with async_session() as session, session.begin():
        session.add_all([Chat(id=-1, type="group", title=""), Chat(id=-(10**12) - 1, type="supergroup", title="")])
        session.add(Member(id=1, first_name="Анна"))
        await session.flush()
        day = datetime.now(UTC).date()
        for chat_id, wrote, voices, times in ((-1, 3, 1, 4), (-(10**12) - 1, 4, 0, 5)):
            session.add(Activity(chat_id=chat_id, member_id=1, day=day, wrote=wrote, voices=voices))
            session.add(Transition(chat_id=chat_id, member_id=1, prefix="а", word="б", times=times))
    async with async_session() as session, session.begin():
        await renumber(session, -1, -(10**12) - 1)
        await renumber(session, -1, -(10**12) - 1)
    async with async_session() as session:
        rows = (await session.execute(select(Activity.chat_id, Activity.wrote, Activity.voices))).all()
        assert [tuple(row) for row in rows] == [(-(10**12) - 1, 7, 1)]
        learnt = (await session.execute(select(Transition.chat_id, Transition.times))).all()
        assert [tuple(row) for row in learnt] == [(-(10**12) - 1, 9)]


async def test_waiting_answers_move(talk: Talk) -> None:
    """What waits for the group goes to the supergroup, also when more was sent there meanwhile."""
    old, new = updates.group(kind="group"), updates.group()
    hanging = talk.bot_api.fail("sendMessage", "hang", chat_id=old.id)
    for said in ("раз", "два"):
        update = updates.message(f"Хлеб скажи {said}", chat=old)
        assert (await talk.client.post("/", json=update)).status_code == 200
    await talk.bot_api.wait_for(lambda api: api.calls_of("sendMessage"))
    update = updates.message("Хлеб скажи там", chat=new)
    assert (await talk.client.post("/", json=update)).status_code == 200
    await talk.bot_api.wait_for(1)
    for update in updates.migration(old, new):
        talk.bot_api.note(update)
        assert (await talk.client.post("/", json=update)).status_code == 200
    hanging.release()
    await talk.settle()
    await talk.app.state.outbox.sweep()
    await talk.settle()
    said_there = [one.text for one in talk.bot_api.sent_to(new.id)]
    assert sorted(set(map(str, said_there))) == ["два", "раз", "там"]
    assert said_there.count("два") == 1, "it was not in flight"
    async with async_session() as session:
        assert set(await session.scalars(select(OutboxMessage.state))) == {"sent"}
        assert await session.scalar(select(OutboxLane.waiting)) == 0


def test_every_table_of_a_chat_follows() -> None:
    """No table refers to a chat without following it to a new id."""
    references = [
        key
        for table in Base.metadata.tables.values()
        for key in table.foreign_keys
        if key.column is Chat.__table__.c.id
    ]
    assert {key.parent.table.name for key in references} >= {
        one.__tablename__ for one in (Activity, Deferred, HandledUpdate, Note, OutboxMessage, Taught)
    }
    assert all(key.onupdate == "CASCADE" for key in references)


async def test_what_is_said_in_the_moment_of_the_move(talk: Talk) -> None:
    """The chat goes away between two statements: the update is handled all the same, at once."""
    await talk.say("привет")
    async with async_session() as mover:
        await renumber(mover, talk.chat.id, updates.group().id)
        said = asyncio.create_task(talk.client.post("/", json=updates.message("Хлеб скажи ещё", chat=talk.chat)))
        await somebody_waits()
        await mover.commit()
    assert (await said).status_code == 200
    await talk.settle()
    assert [one.text for one in talk.bot_api.sent] == ["ещё"]
