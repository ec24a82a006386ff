"""python -m bread_bot stats."""

from sqlalchemy import text

from bread_bot.bot.models import Chat, FailedUpdate, OutboxMessage
from bread_bot.main.database.base import async_session
from bread_bot.tests.command_line import bread_bot
from bread_bot.tests.talk import Talk
from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.updates import people


async def _live(talk: Talk) -> None:
    await talk.say("Хлеб добавь триггер Привет=Медвед")
    await talk.say("привет")
    await talk.say("Хлеб добавь подстроку булка=батон")
    await talk.say("тайна", chat=people.boris.private, sender=people.boris)
    async with async_session() as session, session.begin():
        await Chat.async_create(session, id=-5, type="group", title="Left", left_at=text("now()"))
        await OutboxMessage.async_create(session, chat_id=-5, method="sendMessage", payload={}, state="dead")
        await FailedUpdate.async_create(session, bot_id=1, update_id=1, body={}, set_aside_at=text("now()"))
        await session.execute(text("UPDATE activity SET day = day - 1 WHERE chat_id < 0"))


async def test_for_machines(talk: Talk) -> None:
    """What happened in two chats, and what went wrong, is counted; what people said or are called is not shown."""
    await _live(talk)
    done = await bread_bot("stats", "--json")
    assert done.status == 0 and not done.complaint
    now = done.json["figures"]
    expected = {"updates": 4, "answers": 3, "waiting": 0, "dead": 1, "deferred": 0, "set_aside": 1}
    assert now.items() >= (expected | {"chats": 2, "left_chats": 1, "members": 2}).items()
    assert len(now["days"]) == 14
    assert [(day["messages"], day["commands"], day["taught"]) for day in now["days"][-2:]] == [(3, 2, 2), (1, 0, 0)]
    assert done.json["chats_by_type"] == {"private": 1, "supergroup": 1}
    assert done.json["taught_by_reaction"] == {"trigger": 1, "substring": 1}
    busiest = done.json["busiest_chats"]
    assert [(one["id"], one["title"], one["messages"], one["people"]) for one in busiest] == [
        (talk.chat.id, talk.chat.title, 3, 1),
        (people.boris.id, "", 1, 1),
    ]
    for private in ("тайна", people.boris.first_name, "Медвед", "батон"):
        assert private not in done.output


async def test_for_people(talk: Talk) -> None:
    """The same as a table; a title can't play with the terminal."""
    talk.chat = updates.group("Пекарня \x1b[2J")
    await _live(talk)
    done = await bread_bot("stats")
    assert done.status == 0 and not done.complaint
    lines = [" ".join(line.split()) for line in done.output.splitlines()]
    for line in (
        "Chats 2 (1 private, 1 supergroup), and 1 that the bot has left",
        "Members 2",
        "Taught values 2 (1 substring, 1 trigger)",
        "Updates today 4",
        "Outbox 0 waiting, 1 refused by Telegram",
        "Set aside 1 (updates that fail)",
        f"{talk.chat.id} 3 2 1 supergroup Пекарня [2J",
        f"{people.boris.id} 1 0 1 private",
    ):
        assert line in lines


async def test_nothing_has_happened_yet(database: object) -> None:
    """All is zero."""
    done = await bread_bot("stats")
    assert done.status == 0
    assert "Last 7 days" not in done.output


async def test_a_database_without_tables(empty_database: object) -> None:
    """What is to be done is told in one line."""
    done = await bread_bot("stats")
    assert done.status == 1 and "alembic upgrade head" in done.complaint and done.complaint.count("\n") == 1
