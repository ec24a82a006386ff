"""python -m bread_bot purge: what is old, and what is a chat's."""

from collections import Counter

import pytest
from sqlalchemy import func, select, text

from bread_bot.bot.failures import Failures
from bread_bot.bot.models import Chat, FailedUpdate, Member
from bread_bot.bot.schemas.update import Update
from bread_bot.main.database.base import Base, async_session
from bread_bot.tests.command_line import bread_bot, on_terminal
from bread_bot.tests.talk import Talk
from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.fake import BotAPI
from bread_bot.tests.telegram.updates import people


async def rows() -> Counter[str]:
    """How many rows each table has."""
    async with async_session() as session:
        return Counter(
            {
                table.name: await session.scalar(select(func.count()).select_from(table)) or 0
                for table in Base.metadata.sorted_tables
            }
        )


async def live(talk: Talk) -> None:
    """Two groups: Anna is in both, Boris only in the first; an update of each has failed."""
    bakery = updates.group("Пекарня")
    for chat in (talk.chat, bakery):
        await talk.say("Хлеб добавь триггер Привет=Медвед", chat=chat)
        await talk.say("привет", chat=chat)
        for update in (
            updates.message("ой", chat=chat),
            updates.callback_query("x", message=talk.last["message"]),
        ):
            talk.bot_api.note(update)
            await Failures().count(1, Update.model_validate(update), ValueError("a bug"))
    await talk.say("всем привет", sender=people.boris)


async def ids(model: type[Chat] | type[Member]) -> set[int]:
    """The ids of what there is."""
    async with async_session() as session:
        return set(await session.scalars(select(model.id)))


async def test_a_chat(talk: Talk) -> None:
    """It goes with all that is its own, and with who is known from nowhere else; the other chat stays whole."""
    await live(talk)
    before = await rows()
    other = (await ids(Chat)) - {talk.chat.id}
    dry = await bread_bot("purge", "chat", str(talk.chat.id), "--dry-run")
    assert (dry.status, dry.complaint) == (0, "") and "dry run" in dry.output
    assert await rows() == before
    done = await bread_bot("purge", "chat", str(talk.chat.id), "--yes")
    assert (done.status, done.complaint) == (0, "")
    assert talk.chat.title in done.output
    gone = before - await rows()
    told = {line.split()[1]: int(line.split()[0]) for line in dry.output.splitlines() if line[:1] == " "}
    assert told == gone and {"chat", "member", "taught", "handled_update", "outbox", "activity"} <= set(told)
    assert gone["failed_update"] == 2 and gone["chat"] == gone["member"] == 1
    assert await ids(Chat) == other and await ids(Member) == {people.anna.id}
    async with async_session() as session:
        left = [row.body for row in await FailedUpdate.async_all(session)]
    assert len(left) == 2 and str(talk.chat.id) not in str(left)
    assert await talk.say("привет") is None, "it is known again, and has learnt nothing yet"
    assert talk.chat.id in await ids(Chat)


async def test_it_asks(talk: Talk) -> None:
    """Without a terminal --yes is needed; at one, "no" changes nothing."""
    await talk.say("привет")
    done = await bread_bot("purge", "chat", str(talk.chat.id))
    assert done.status == 1 and "--yes" in done.complaint
    status, shown = await on_terminal("n", "purge", "chat", str(talk.chat.id))
    assert status == 1 and "Delete all of 1 chat? [y/N]" in shown
    assert await ids(Chat) == {talk.chat.id}
    assert (await on_terminal("y", "purge", "chat", str(talk.chat.id)))[0] == 0
    assert not await ids(Chat)


async def test_a_chat_that_is_not_there(database: object) -> None:
    """One line."""
    done = await bread_bot("purge", "chat", "-100123", "--yes")
    assert done.status == 1 and "-100123" in done.complaint and done.complaint.count("\n") == 1


async def test_chats_that_were_left(talk: Talk, bot_api: BotAPI) -> None:
    """Those of long ago; not the others."""
    recently, forlorn = updates.group("Recently"), updates.group("Forlorn")
    for chat in (recently, forlorn):
        await talk.say("привет", chat=chat)
        await talk.post(updates.my_chat_member("kicked", "member", bot=bot_api.me, chat=chat))
    await talk.say("привет")
    async with async_session() as session, session.begin():
        await session.execute(
            text("UPDATE chat SET left_at = left_at - interval '31 days' WHERE id = :id"), {"id": forlorn.id}
        )
    done = await bread_bot("purge", "left", "--dry-run")
    assert done.status == 0 and "Forlorn" in done.output and "Recently" not in done.output
    assert len(await ids(Chat)) == 3
    assert (await bread_bot("purge", "left", "--yes")).status == 0
    assert await ids(Chat) == {talk.chat.id, recently.id}
    assert (await bread_bot("purge", "left", "--days", "0", "--yes")).status == 0
    assert await ids(Chat) == {talk.chat.id}
    done = await bread_bot("purge", "left", "--days", "0")
    assert done.status == 0 and "There is no chat" in done.output


async def test_old_marks_and_answers(talk: Talk) -> None:
    """What HANDLED_HOURS make old goes at once, the rest stays."""
    await talk.say("Хлеб скажи эхо")
    async with async_session() as session, session.begin():
        await session.execute(text("UPDATE handled_update SET handled_at = handled_at - interval '3 days'"))
        await session.execute(text("UPDATE outbox SET done_at = done_at - interval '3 days'"))
    await talk.say("Хлеб скажи эхо")
    done = await bread_bot("purge", "updates")
    assert (done.status, done.complaint, done.output) == (0, "", "2 rows are deleted.\n")
    left = await rows()
    assert left["handled_update"] == left["outbox"] == 1


@pytest.mark.slow
async def test_a_large_chat(talk: Talk) -> None:
    """100,000 values take longer than a statement of the bot's may."""
    await talk.say("привет")
    async with async_session() as session, session.begin():
        await session.execute(
            text("""
                INSERT INTO cue (chat_id, cue, key_digest)
                SELECT :chat, 'word ' || number, 'digest ' || number FROM generate_series(1, 100000) number
                """),
            {"chat": talk.chat.id},
        )
    done = await bread_bot("purge", "chat", str(talk.chat.id), "--yes", DB_STATEMENT_TIMEOUT="0.01")
    assert done.status == 0, done
    assert not await ids(Chat)
