"""Who is who in a chat (BEHAVIOUR, section 3)."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from bread_bot.bot.models import Activity, ChatToMember
from bread_bot.main.database.base import async_session
from bread_bot.main.settings import settings
from bread_bot.tests.talk import Talk
from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.updates import people

ANNA, BORIS, VERA = "Анна Каренина", "Борис", "Вера Павловна"


async def _meet(talk: Talk) -> None:
    for person in (people.anna, people.boris, people.vera):
        await talk.say("привет", sender=person)


@pytest.mark.parametrize(
    ("asked", "shape"),
    [
        ("кто самый умный?", "{} самый умный"),
        ("у кого есть хлеб?", "есть хлеб у {}"),
        ("кем он станет?", "он станет: {}"),
        ("с кем пойти в кино?", "пойти в кино с {}"),
        ("кого позвать?", "позвать: {}"),
        ("кому отдать булку?", "отдать булку: {}"),
        ("о ком все говорят?", "все говорят о {}"),
        ("чья это шапка?", "это шапка: хозяин тут {}"),
        ("чьё это место?", "это место: хозяин тут {}"),
        ("чье это место?", "это место: хозяин тут {}"),
        ("чей это хлеб?", "это хлеб: хозяин тут {}"),
        ("who самый умный", "{} самый умный"),
        ("кто?", "Это {}"),
        ("у кого", "У {}"),
        ("кем?!", "Вот кем: {}"),
        ("с кем", "С {}"),
        ("кого", "Вот кого: {}"),
        ("кому", "Вот кому: {}"),
        ("о ком", "О {}"),
        ("чья", "Хозяин тут {}"),
        ("чей", "Хозяин тут {}"),
    ],
)
async def test_who(talk: Talk, asked: str, shape: str) -> None:
    """One member, in a sentence that fits the question word and repeats the rest."""
    await _meet(talk)
    call = f"/{asked}" if asked.startswith("who") else f"Хлеб {asked}"
    assert await talk.say(call) in {shape.format(name) for name in (ANNA, BORIS, VERA)}


async def test_everybody_is_drawn(talk: Talk) -> None:
    """Each member about as often as any other."""
    await _meet(talk)
    talk.chance(1)
    drawn = Counter([str(await talk.say("Хлеб кто тут")) for _ in range(90)])
    assert len(drawn) == 3 and min(drawn.values()) > 15


async def test_who_belongs_to_a_chat(talk: Talk) -> None:
    """Seen lately or joined, or an administrator; nobody who has left, and no bot."""
    await _meet(talk)
    chat, gleb, dasha = talk.chat, people.gleb, people.dasha
    talk.bot_api.world.set_member(chat.id, people.boris.json, "creator")
    joiner = updates.person("Пришедшая")
    await talk.post(updates.message(chat=chat, sender=people.anna, new_chat_members=[joiner, people.other_bot]))
    await talk.post(updates.chat_member(gleb, "member", "left", chat=chat))
    await talk.post(updates.chat_member(dasha, "member", "left", chat=chat))
    await talk.post(updates.chat_member(dasha, "kicked", "member", chat=chat))
    long_ago = datetime.now(UTC) - timedelta(days=settings.MEMBER_DAYS, minutes=1)
    async with async_session() as session, session.begin():
        old = ChatToMember.member_id.in_([people.boris.id, people.vera.id])
        await session.execute(update(ChatToMember).where(old).values(seen_at=long_ago))
    top = str(await talk.say("Хлеб топ булочников"))
    assert top.splitlines()[0] == "Топ булочников"
    names = {line.partition(") ")[2] for line in top.splitlines()[1:]}
    assert names == {ANNA, BORIS, "Пришедшая", "Глеб"}
    await talk.post(updates.message(chat=chat, sender=joiner, left_chat_member=joiner))
    assert "Пришедшая" not in str(await talk.say("Хлеб топ"))
    assert len(talk.bot_api.calls_of("getChatAdministrators")) == 1, "asked once in minutes"


async def test_a_private_chat_has_its_one_user(talk: Talk) -> None:
    """And Telegram is not asked for administrators there."""
    talk.chat = people.anna.private
    assert await talk.say("Хлеб кто молодец?") == f"{ANNA} молодец"
    assert await talk.say("Хлеб топ") == f"Топ\n1) {ANNA}"
    assert "двое" in str(await talk.say("Хлеб парочка"))
    assert not talk.bot_api.calls_of("getChatAdministrators")


async def test_top(talk: Talk) -> None:
    """Shuffled, at most twenty."""
    for number in range(25):
        await talk.say("я", sender=updates.person(f"Гость {number}"))
    talk.chance(1)
    first, second = [str(await talk.say("Хлеб топ")).splitlines() for _ in range(2)]
    assert first[0] == "Топ" and len(first) == 21 and first != second
    assert [line.partition(")")[0] for line in first[1:]] == [str(place) for place in range(1, 21)]


async def test_couple(talk: Talk) -> None:
    """Two different ones."""
    await _meet(talk)
    for alias in ("парочка дня", "пара дня"):
        answer = str(await talk.say(f"Хлеб {alias}"))
        assert "дня" in answer and sum(name in answer for name in (ANNA, BORIS, VERA)) == 2


async def test_names_never_ping(talk: Talk) -> None:
    """Names are shown as they are, and nothing in them becomes a mention or markup."""
    odd = updates.person("<b>@durov</b> _x_ *y*", username="odd_one")
    talk.chat = odd.private
    talk.speaker = odd
    (answer,) = await talk.hear("Хлеб кто тут")
    assert "@durov" not in str(answer.text) and "<b>@\u2060durov</b> _x_ *y*" in str(answer.text)
    assert "entities" not in answer.call.params and "parse_mode" not in answer.call.params


async def test_all(talk: Talk) -> None:
    """Everybody is mentioned: by @username, else by a text mention; as many messages as needed."""
    crowd = [
        updates.person(f"Г{number}🍞", username=f"guest_{number}" if number % 2 else None) for number in range(150)
    ]
    for guest in crowd:
        await talk.say("я", sender=guest)
    await talk.say("Хлеб топ")
    answers = await talk.hear("Хлеб канал все за стол!", sender=crowd[0])
    assert str(answers[0].text).startswith("все за стол!")
    assert len(answers) > 1
    mentioned = set()
    for answer in answers:
        said = str(answer.text)
        units = said.encode("utf-16-le")
        for entity in answer.call.params.get("entities", ()):
            start, end = entity["offset"] * 2, (entity["offset"] + entity["length"]) * 2
            person = next(one for one in crowd if one.id == entity["user"]["id"])
            assert units[start:end].decode("utf-16-le") == person.first_name
            mentioned.add(person.id)
        mentioned |= {one.id for one in crowd if one.username and f"@{one.username}" in said.split()}
    assert mentioned == {one.id for one in crowd}


async def test_a_username_changes_hands(talk: Talk) -> None:
    """Whoever bore it before is mentioned, too, but no longer by it."""
    before, after = updates.person("Бывший", username="Bread_Fan"), updates.person("Нынешний", username="bread_fan")
    await talk.say("я", sender=before)
    await talk.say("я", sender=after)
    (answer,) = await talk.hear("Хлеб канал", sender=people.anna)
    assert answer.text == "@anna_k Бывший @bread_fan"
    assert [entity["user"]["id"] for entity in answer.call.params["entities"]] == [before.id]


async def test_nobody_is_known(talk: Talk) -> None:
    """Where only an anonymous administrator has spoken, and Telegram names nobody."""
    for words in ("канал", "кто", "топ"):
        (answer,) = await talk.post(updates.as_anonymous_admin(f"Хлеб {words}", chat=talk.chat))
        assert "никого не знаю" in str(answer.text)


async def test_stats(talk: Talk) -> None:
    """Who wrote, edited, sent voices, asked and taught how much: all time and seven days."""
    await talk.say("раз", sender=people.boris)
    await talk.say("два", sender=people.boris)
    await talk.post(updates.edited(talk.last, "два!"))
    await talk.say(voice=True, sender=people.vera)
    await talk.say("Хлеб добавь триггер а=1")
    async with async_session() as session, session.begin():
        values = {"chat_id": talk.chat.id, "member_id": people.vera.id, "wrote": 41}
        await Activity.async_create(session, day=datetime.now(UTC).date() - timedelta(days=8), **values)
    lines = str(await talk.say("Хлеб стата")).splitlines()
    assert f"Писали за всё время: {VERA} — 42, {ANNA} — 2, {BORIS} — 2" in lines
    assert f"Писали за 7 дней: {ANNA} — 2, {BORIS} — 2, {VERA} — 1" in lines
    assert f"Исправляли за 7 дней: {BORIS} — 1" in lines
    assert f"Наговаривали за 7 дней: {VERA} — 1" in lines
    assert f"Учили меня за всё время: {ANNA} — 1" in lines
    assert any(line.startswith("Звали меня") for line in lines)


async def test_the_chart(talk: Talk) -> None:
    """A picture, drawn outside of the unit of work."""
    await _meet(talk)
    (answer,) = await talk.hear("Хлеб стата график")
    assert answer.kind == "photo" and answer.value.content.startswith(b"\x89PNG")
    empty = updates.group()
    await talk.post(updates.my_chat_member(bot=talk.bot_api.me, chat=empty))
    anonymous = await talk.post(updates.as_anonymous_admin("Хлеб стата график", chat=empty))
    assert "нечего" in str(anonymous[-1].text)


async def test_pictures(talk: Talk) -> None:
    """Under a photo, by chance, whom it looks like; off by default."""
    await _meet(talk)
    assert await talk.say(photo=True) is None
    assert "0%" in str(await talk.say("Хлеб картинки"))
    await talk.say("Хлеб картинки 100")
    assert await talk.say(photo=True) in {f"Похоже на {name}" for name in (ANNA, BORIS, VERA)}
    assert "0 до 100" in str(await talk.say("Хлеб картинки много"))


async def test_forget_me(talk: Talk) -> None:
    """What is counted about a member goes, and nothing is counted from then on, not even lessons."""
    await talk.say("раз", sender=people.boris)
    await talk.say("Хлеб забудь меня", sender=people.boris)
    await talk.say("два", sender=people.boris)
    await talk.say("Хлеб добавь триггер а=1", sender=people.boris)
    stats = str(await talk.say("Хлеб стата"))
    assert BORIS not in stats and ANNA in stats
    (answer,) = await talk.post(updates.as_anonymous_admin("Хлеб забудь меня", chat=talk.chat))
    assert "не знаю" in str(answer.text)


async def test_forget_everything(talk: Talk) -> None:
    """Only administrators, and only after a question."""
    talk.bot_api.world.set_member(talk.chat.id, people.anna.json, "creator")
    await talk.say("раз", sender=people.boris)
    assert "администраторы" in str(await talk.say("Хлеб забудь всё", sender=people.boris))
    (question,) = await talk.hear("Хлеб забудь все")
    assert BORIS in str(await talk.say("Хлеб стата"))
    press = updates.callback_query(question.buttons[0]["callback_data"], message=question.message, sender=people.anna)
    await talk.post(press)
    assert BORIS not in str(await talk.say("Хлеб стата"))
