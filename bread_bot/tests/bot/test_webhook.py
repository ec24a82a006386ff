"""POST /: what Telegram, and anybody else, may send."""

import asyncio
import json

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event, select, text

from bread_bot.bot.models import Activity, Chat, ChatToMember, Member
from bread_bot.main.database.base import async_session, get_engine
from bread_bot.tests.locks import somebody_waits
from bread_bot.tests.talk import Talk
from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.generate import encoded, random_updates
from bread_bot.tests.telegram.updates import chats, people


async def test_the_secret(app: FastAPI, client: httpx.AsyncClient) -> None:
    """Without the webhook's secret nobody gets in."""
    update = updates.message("Хлеб монетка")
    name = b"X-Telegram-Bot-Api-Secret-Token"
    for headers in (httpx.Headers(), httpx.Headers({name: b"wrong"}), httpx.Headers({name: "ё".encode()})):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bread.example") as stranger:
            response = await stranger.post("/", json=update, headers=headers)
        assert response.status_code == 403
        assert response.json()["code"] == "forbidden"
    assert (await client.post("/", json=update)).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"1",
        b"\xff\xfe",
        b'{"update_id": "many"}',
        b"{}",
        b'{"update_id": 1, "message": 5}',
        b'{"update_id": 1, "message": {"message_id": 1}}',
        b"[" * 100_000,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b'{"update_id": 1e400}',
        b'{"update_id": ' + b"9" * 400 + b"}",
    ],
    ids=range(14),
)
async def test_what_is_no_update(client: httpx.AsyncClient, body: bytes) -> None:
    """Nonsense is told so, and breaks nothing."""
    response = await client.post("/", content=body)
    assert response.status_code in (400, 422), response.text
    assert response.json()["error_id"]


async def test_a_long_body(client: httpx.AsyncClient) -> None:
    """More than 1 MB is refused."""
    response = await client.post("/", content=b" " * 1_048_577)
    assert (response.status_code, response.json()["code"]) == (413, "too_long")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-8", ""]
)
async def test_any_content_type(client: httpx.AsyncClient, kind: str) -> None:
    """Whoever stands between may change the header."""
    body = json.dumps(updates.message("привет"))
    assert (await client.post("/", content=body, headers={"Content-Type": kind})).status_code == 200


@pytest.mark.parametrize("seed", range(4))
async def test_every_kind_of_update(talk: Talk, seed: int) -> None:
    """Whatever Telegram may ever send is answered 200."""
    for update in random_updates(seed, 600):
        if "callback_query" in update:
            press = update["callback_query"]["id"] = f"press {update['update_id']}"  # Telegram's are unique
            talk.bot_api.world.presses[press] = False
        response = await talk.client.post("/", content=encoded(update))
        assert response.status_code == 200, (update, response.text)
    await talk.settle()
    assert await talk.say("Хлеб скажи эхо") == "эхо"


async def test_a_plain_message_costs_two_round_trips(talk: Talk) -> None:
    """Besides BEGIN and COMMIT, also where keys are taught; statistics cost nothing more."""
    await talk.say("Хлеб добавь подстроку хлеб=да")
    await talk.say("привет")
    other = updates.group()
    await talk.say("Хлеб добавь подстроку свежий хлеб=да", chat=other)
    statements: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        statements.append(statement)

    engine = get_engine().sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        assert await talk.say("просто болтовня") is None
        assert len(statements) == 2, statements
        statements.clear()
        assert await talk.say("а тут ничему не учили", chat=chats.private) is None
        assert len(statements) == 1, statements
        statements.clear()
        assert await talk.say("слово", chat=other) is None
        assert len(statements) == 1, statements
    finally:
        event.remove(engine, "before_cursor_execute", note)
    async with async_session() as session:
        counted = await Activity.async_first(session, Activity.chat_id == talk.chat.id)
    assert counted is not None and counted.wrote == 3


async def test_a_chat_that_is_held_up_holds_up_no_other(talk: Talk) -> None:
    """Somebody else works on its row, say; what is said elsewhere meanwhile is answered, whenever it comes."""
    await talk.say("привет")
    other = updates.group()
    async with async_session() as session:
        await session.execute(select(Chat).where(Chat.id == talk.chat.id).with_for_update())
        held_up = asyncio.create_task(talk.client.post("/", json=updates.message("жду", chat=talk.chat)))
        await somebody_waits()
        for number in range(5):
            assert await talk.say(f"Хлеб скажи {number}", chat=other) == str(number)
        assert not held_up.done()
    assert (await held_up).status_code == 200


async def test_many_first_messages_at_once(talk: Talk) -> None:
    """A hundred first messages of five people in a new chat: one chat, five members, no error."""
    crowd = [updates.person(f"Гость {number}") for number in range(5)]
    chat = updates.group()
    posts = [updates.message("привет", chat=chat, sender=crowd[number % 5]) for number in range(100)]
    responses = await asyncio.gather(*(talk.client.post("/", json=post) for post in posts))
    assert {response.status_code for response in responses} == {200}
    async with async_session() as session:
        assert await Chat.async_count(session, Chat.id == chat.id) == 1
        assert await ChatToMember.async_count(session, ChatToMember.chat_id == chat.id) == 5
        counted = await Activity.async_filter(session, Activity.chat_id == chat.id)
    assert [one.wrote for one in counted] == [20] * 5


async def test_forty_newcomers_at_once(talk: Talk) -> None:
    """Forty people who have never been seen, in a chat that has never been seen, all in the same moment."""
    crowd = [updates.person(f"Гость {number}") for number in range(40)]
    chat = updates.group()
    posts = [updates.message("привет", chat=chat, sender=one) for one in crowd]
    responses = await asyncio.gather(*(talk.client.post("/", json=post) for post in posts))
    assert {response.status_code for response in responses} == {200}
    async with async_session() as session:
        bonds = await ChatToMember.async_filter(session, ChatToMember.chat_id == chat.id)
    assert sorted(bond.member_id for bond in bonds) == sorted(one.id for one in crowd)


async def test_many_chats_at_once(talk: Talk) -> None:
    """150 updates in parallel over a pool of 20: they queue, and none fails."""
    places = [updates.group() for _ in range(150)]
    posts = [updates.message("Хлеб скажи эхо", chat=place) for place in places]
    for post in posts:
        talk.bot_api.note(post)
    responses = await asyncio.gather(*(talk.client.post("/", json=post) for post in posts))
    assert {response.status_code for response in responses} == {200}
    await talk.settle()
    assert {answer.chat_id for answer in talk.bot_api.sent} == {place.id for place in places}


async def test_people_without_username(talk: Talk) -> None:
    """Two of them stay two; a username that changes hands joins nobody."""
    await talk.say("я", sender=people.vera)
    await talk.say("и я", sender=people.gleb)
    old = updates.person("Старый", username="handle")
    new = updates.person("Новый", username="handle")
    await talk.say("раз", sender=old)
    await talk.say("два", sender=new)
    async with async_session() as session:
        assert await Member.async_count(session, Member.id.in_([people.vera.id, people.gleb.id, old.id, new.id])) == 4


async def test_odd_messages(talk: Talk) -> None:
    """Odd, but real: each is answered 200, and the command among them done."""
    nameless = updates.message("Хлеб скажи раз", chat=talk.chat, sender=None, sender_chat=talk.chat)
    (answer,) = await talk.post(nameless)
    assert answer.text == "раз"
    post = updates.channel_post("новости")
    quoted = updates.message("Хлеб скажи два", chat=talk.chat, reply_to=post)
    assert (await talk.post(quoted))[0].text == "два"
    for command in ("почему", "insult", "оскорби", "бред", "удали"):
        assert await talk.post(updates.message(f"Хлеб {command}", chat=talk.chat, reply_to=post)), command
    long = updates.person("И" * 5000, last_name="🍞" * 500)
    assert await talk.say("Хлеб скажи три", sender=long, chat=updates.group("Т" * 5000)) == "три"
    assert await talk.say("Хлеб кто", sender=people.dasha, chat=people.dasha.private) is not None


async def test_nul_and_lone_surrogates(talk: Talk) -> None:
    """They are dropped from names and texts; the rest is kept."""
    body = json.dumps(updates.message("Хлеб скажи ЗДЕСЬ", chat=talk.chat))
    here = json.dumps("ЗДЕСЬ")[1:-1]
    for odd in ("\\u0000", "\\ud800", "\\udfff", "\\ud800\\u0000"):
        update_id = str(updates.message()["update_id"])
        told = body.replace(here, f"а{odd}б").replace(str(json.loads(body)["update_id"]), update_id)
        before = len(talk.bot_api.sent)
        assert (await talk.client.post("/", content=told)).status_code == 200
        await talk.settle()
        assert talk.bot_api.sent[before].text == "аб"


async def test_a_chat_with_very_many_keys(talk: Talk) -> None:
    """A hundred thousand keys cost what ten cost: the same statements, and as few rows looked at."""
    await talk.say("Хлеб добавь подстроку хлеб=Кто звал?")
    await talk.say("Хлеб добавь триггер Привет=Медвед")
    async with async_session() as session, session.begin():
        await session.execute(
            text(
                "INSERT INTO taught (chat_id, reaction, key, normal_key, value, key_digest, digest) "
                "SELECT :chat_id, 'substring', 'ключик' || n, 'ключик' || n, 'да', md5('k' || n), md5('k' || n) "
                "FROM generate_series(1, 100000) AS n"
            ),
            {"chat_id": talk.chat.id},
        )
        await session.execute(
            text(
                "INSERT INTO cue (chat_id, cue, key_digest) SELECT chat_id, '~' || normal_key, key_digest FROM taught "
                "WHERE normal_key LIKE 'ключик%'"
            )
        )
        await session.execute(text("ANALYZE taught, cue"))
    found: list[int] = []
    for said, answer in (("привет", "Медвед"), ("нет хлеба", "Кто звал?"), ("где ключик77777", "да"), ("погода", None)):
        before = await _rows_read()
        assert await talk.say(said) == answer
        found.append(await _rows_read() - before)
    assert 0 < max(found) < 100, found


async def _rows_read() -> int:
    """How many rows of the pack's tables have been read so far, as PostgreSQL counts."""
    async with async_session() as session:
        await session.execute(text("SELECT pg_stat_force_next_flush()"))
        await session.commit()
        counted = text(
            "SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_user_tables WHERE relname IN ('taught', 'cue')"
        )
        return int(await session.scalar(counted) or 0)
