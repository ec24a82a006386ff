"""The example's resource."""

import httpx
import pytest

from bread_bot.bot.models import Chat
from bread_bot.main.database.base import async_session
from bread_bot.tests.auth.people import as_user, create_admin, create_user

BAKERY, KITCHEN = -1001234567890, -42


@pytest.fixture
async def admin(client: httpx.AsyncClient) -> dict[str, str]:
    """An admin's header, in a world with two chats."""
    async with async_session() as session, session.begin():
        for chat_id in (BAKERY, KITCHEN):
            await Chat.async_create(session, id=chat_id, type="group")
    return as_user(await create_admin())


async def test_what_is_noted_is_listed(client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    made = []
    for chat_id, text in [(BAKERY, "Купить дрожжи"), (KITCHEN, "<b>_x_</b>\n🍞 = %s '"), (BAKERY, "Замесить тесто")]:
        answer = await client.post("/my_app/notes", json={"chat_id": chat_id, "text": text}, headers=admin)
        assert answer.status_code == 201
        assert answer.json().items() >= {"chat_id": chat_id, "text": text}.items()
        made.append(answer.json())
    listed = (await client.get("/my_app/notes", headers=admin)).json()
    assert (listed["items"], listed["total"]) == (made, 3)
    page = (await client.get("/my_app/notes", params={"limit": 1, "offset": 2}, headers=admin)).json()
    assert (page["items"], page["total"]) == (made[2:], 3)
    of_one = (await client.get("/my_app/notes", params={"chat_id": BAKERY}, headers=admin)).json()
    assert (of_one["items"], of_one["total"]) == ([made[0], made[2]], 2)


async def test_a_note_needs_a_chat(client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    answer = await client.post("/my_app/notes", json={"chat_id": -1, "text": "Никому"}, headers=admin)
    assert answer.status_code == 404
    assert "-1" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"text": ""}, "text"),
        ({"text": "\x00"}, "text"),
        ({"text": "а" * 4097}, "text"),
        ({"text": None}, "text"),
        ({"chat_id": 2**63}, "chat_id"),
        ({"id": 1}, "id"),
    ],
)
async def test_what_is_not_valid_is_explained(
    client: httpx.AsyncClient, admin: dict[str, str], values: dict[str, object], field: str
) -> None:
    answer = await client.post("/my_app/notes", json={"chat_id": KITCHEN, "text": "Да"} | values, headers=admin)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_what_no_text_can_hold_is_dropped(client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    body = b'{"chat_id": -42, "text": "a\\u0000b\\ud800c"}'
    answer = await client.post("/my_app/notes", content=body, headers=admin | {"Content-Type": "application/json"})
    assert answer.status_code == 201
    assert answer.json()["text"] == "abc"


async def test_only_admins_may(client: httpx.AsyncClient) -> None:
    user = as_user(await create_user("anna"))
    for method in ("GET", "POST"):
        assert (await client.request(method, "/my_app/notes")).status_code == 401
        assert (await client.request(method, "/my_app/notes", headers=user)).status_code == 403
