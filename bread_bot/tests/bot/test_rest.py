"""What admins may see and do by HTTP."""

import asyncio

import httpx
import pytest

from bread_bot.tests.auth.people import as_user, create_admin, create_user
from bread_bot.tests.talk import Talk
from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.updates import people

ROUTES = [
    ("GET", "/chats"),
    ("GET", "/members"),
    ("GET", "/members/1"),
    ("DELETE", "/members/1"),
    ("GET", "/admins_of_chat/1"),
    ("POST", "/send_message"),
    ("GET", "/outbox"),
    ("PUT", "/outbox/1/retry"),
    ("DELETE", "/outbox/1"),
    ("GET", "/failed_updates"),
    ("PUT", "/failed_updates/1/retry"),
    ("DELETE", "/failed_updates/1"),
    ("GET", "/chats/1/taught"),
    ("POST", "/chats/1/taught"),
    ("PATCH", "/chats/1/taught/1"),
    ("DELETE", "/chats/1/taught/1"),
    ("GET", "/users"),
    ("POST", "/users/create"),
]


@pytest.fixture
async def admin(talk: Talk) -> httpx.AsyncClient:
    """The client, signed in as an admin."""
    talk.client.headers.update(as_user(await create_admin()))
    return talk.client


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_only_admins(talk: Talk, method: str, path: str) -> None:
    """Strangers are asked to sign in, users are told who may."""
    assert (await talk.client.request(method, path, json={})).status_code == 401
    user = await create_user("reader")
    assert (await talk.client.request(method, path, json={}, headers=as_user(user))).status_code == 403


async def test_chats_and_members(talk: Talk, admin: httpx.AsyncClient) -> None:
    """Paged, filtered, searched."""
    await talk.say("привет")
    await talk.say("привет", chat=updates.group("Пекарня 100%"), sender=people.vera)
    assert (await admin.get("/chats")).json()["total"] == 2
    assert [one["title"] for one in (await admin.get("/chats", params={"search": "0%"})).json()["items"]] == [
        "Пекарня 100%"
    ]
    assert (await admin.get("/chats", params={"type": "private"})).json()["items"] == []
    page = (await admin.get("/members", params={"limit": 1, "offset": 1})).json()
    assert (page["total"], page["items"][0]["id"]) == (2, people.vera.id)
    assert [one["id"] for one in (await admin.get("/members", params={"search": "anna_k"})).json()["items"]] == [
        people.anna.id
    ]
    there = (await admin.get("/members", params={"chat_id": talk.chat.id})).json()["items"]
    assert [one["id"] for one in there] == [people.anna.id]
    for odd in ("\0", "%", "_", "\\", "'"):
        assert (await admin.get("/members", params={"search": odd})).status_code == 200
        assert (await admin.get("/chats", params={"search": odd})).status_code == 200
        assert (await admin.get("/chats", params={"type": odd})).status_code == 422
    for wrong in ({"limit": 0}, {"limit": 10**9}, {"offset": -1}, {"limit": "x"}):
        assert (await admin.get("/members", params=wrong)).status_code == 422
    assert (await admin.get(f"/members/{people.anna.id}")).json()["username"] == "anna_k"
    for _ in range(2):
        assert (await admin.delete(f"/members/{people.anna.id}")).status_code == 204
    gone = await admin.get(f"/members/{people.anna.id}")
    assert (gone.status_code, gone.json()["code"]) == (404, "not_found")


async def test_administrators(talk: Talk, admin: httpx.AsyncClient) -> None:
    """As Telegram tells now; bots are left out."""
    await talk.say("привет")
    talk.bot_api.world.set_member(talk.chat.id, people.boris.json, "creator")
    talk.bot_api.world.set_member(talk.chat.id, people.other_bot.json, "administrator")
    found = (await admin.get(f"/admins_of_chat/{talk.chat.id}")).json()
    assert [one["id"] for one in found] == [people.boris.id]
    assert (await admin.get("/admins_of_chat/5")).status_code == 404
    talk.bot_api.fail("getChatAdministrators", "server error")
    assert (await admin.get(f"/admins_of_chat/{talk.chat.id}")).status_code == 502


async def test_send_message(talk: Talk, admin: httpx.AsyncClient) -> None:
    """Once for each Idempotency-Key, also when asked twice at once."""
    await talk.say("привет")
    body = {"chat_id": talk.chat.id, "text": "Всем <b>хлеба</b>!"}
    headers = {"Idempotency-Key": "one"}
    both = await asyncio.gather(*(admin.post("/send_message", json=body, headers=headers) for _ in range(4)))
    assert {response.status_code for response in both} == {202}
    assert len({response.json()["ids"][0] for response in both}) == 1
    await talk.settle()
    assert [answer.text for answer in talk.bot_api.sent] == ["Всем <b>хлеба</b>!"]
    assert (await admin.post("/send_message", json={"chat_id": 5, "text": "эй"})).status_code == 404
    for wrong in ({}, {"chat_id": 5}, {"chat_id": 5, "text": ""}, {"chat_id": 5, "text": "а", "more": 1}):
        response = await admin.post("/send_message", json=wrong)
        assert response.status_code == 422 and response.json()["errors"]
    assert (await admin.post("/send_message", json={"chat_id": talk.chat.id, "text": " \n"})).status_code == 422
    await talk.post(updates.my_chat_member("kicked", "member", bot=talk.bot_api.me, chat=talk.chat))
    assert (await admin.post("/send_message", json=body)).status_code == 409
    again = await admin.post("/send_message", json=body, headers=headers)
    assert (again.status_code, again.json()) == (202, both[0].json()), "it was said, whatever has happened since"


async def test_a_long_message_by_idempotency_key(talk: Talk, admin: httpx.AsyncClient) -> None:
    """Whoever repeats it is told of all its parts, as the first time; its neighbours are none of them."""
    await talk.say("привет")
    body = {"chat_id": talk.chat.id, "text": "хлеб " * 2000}
    first = await admin.post("/send_message", json=body, headers={"Idempotency-Key": "long"})
    assert len(first.json()["ids"]) == 3
    assert (await admin.post("/send_message", json=body)).json()["ids"] != first.json()["ids"]
    again = await admin.post("/send_message", json=body, headers={"Idempotency-Key": "long"})
    assert again.json() == first.json()
    await talk.settle()
    assert len(talk.bot_api.sent) == 6


async def test_taught_values(talk: Talk, admin: httpx.AsyncClient) -> None:
    """An admin teaches, changes and deletes what a chat says."""
    await talk.say("привет")
    path = f"/chats/{talk.chat.id}/taught"
    new = {"reaction": "trigger", "key": "Привет", "value": "Медвед"}
    made = await admin.post(path, json=new)
    assert made.status_code == 201
    assert (await admin.post(path, json=new)).status_code == 409
    assert await talk.say("привет") == "Медвед"
    number = made.json()["id"]
    changed = (await admin.patch(f"{path}/{number}", json={"value": "И тебе"})).json()
    assert await talk.say("привет") == "И тебе"
    assert (await admin.patch(f"{path}/{changed['id']}", json={"value": "И тебе"})).json()["id"] == changed["id"]
    await talk.say("Хлеб добавь подстроку хлеб=100%")
    page = (await admin.get(path, params={"search": "0%", "reaction": "substring"})).json()
    assert [one["value"] for one in page["items"]] == ["100%"]
    for wrong in (
        {"reaction": "trigger", "value": "без ключа"},
        {"reaction": "fallback", "key": "с ключом", "value": "a"},
        {"reaction": "substring", "key": "аб", "value": "a"},
        {"reaction": "shout", "value": "a"},
        {"reaction": "insult", "value": " "},
    ):
        assert (await admin.post(path, json=wrong)).status_code == 422, wrong
    for _ in range(2):
        assert (await admin.delete(f"{path}/{changed['id']}")).status_code == 204
    assert await talk.say("привет") is None
    assert (await admin.patch(f"{path}/{changed['id']}", json={"value": "a"})).status_code == 404
    assert (await admin.get("/chats/5/taught")).status_code == 404


async def test_errors_have_one_shape(talk: Talk) -> None:
    """Whatever goes wrong: what, a code for programs, and an id that is in the log."""
    for response in (
        await talk.client.get("/nowhere"),
        await talk.client.get("/chats"),
        await talk.client.post("/token"),
        await talk.client.put("/"),
        await talk.client.post("/", content=b"{"),
    ):
        body = response.json()
        assert response.status_code >= 400
        assert body["detail"] and body["code"] and len(body["error_id"]) == 32, body


async def test_openapi(talk: Talk) -> None:
    """Every schema has a title, every field a description and an example."""
    schemas = (await talk.client.get("/openapi.json")).json()["components"]["schemas"]
    assert len(schemas) > 10
    for name, schema in schemas.items():
        if name in ("HTTPValidationError", "ValidationError"):
            continue
        assert schema.get("title") or schema.get("enum"), name
        for field, told in schema.get("properties", {}).items():
            assert "description" in told, f"{name}.{field}"


async def test_health(talk: Talk) -> None:
    """Alive, and able to work."""
    assert (await talk.client.get("/health/live")).json() == {"status": "ok"}
    assert (await talk.client.get("/health/ready")).json() == {"status": "ok"}
