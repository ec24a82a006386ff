"""Users: who may see, make and change them."""

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from bread_bot.auth.models import User
from bread_bot.main.database.base import async_session
from bread_bot.tests.auth.people import as_user, create_admin, create_user, sign_in

NEW = {"username": "boris", "password": "тайна за семью печатями", "email": "boris@example.com"}


async def stored(user: User) -> User:
    async with async_session() as session:
        return (await session.scalars(select(User).where(User.id == user.id))).one()


async def test_an_admin_lets_somebody_in(client: httpx.AsyncClient) -> None:
    headers = as_user(await create_admin())
    made = await client.post("/users/create", json=NEW, headers=headers)
    assert made.status_code == 201
    expected = {"username": "boris", "email": "boris@example.com", "is_admin": False, "is_active": True}
    assert made.json().items() >= expected.items()
    assert made.json().keys() == expected.keys() | {"id", "created_at"}
    token = (await sign_in(client, "boris", NEW["password"])).json()["access_token"]
    me = await client.get("/users/me", headers={"Authorization": f"Bearer {token}"})
    assert me.json() == made.json()
    listed = await client.get("/users", headers=headers)
    assert [user["username"] for user in listed.json()["items"]] == ["admin", "boris"]


async def test_users_are_listed_by_pages(client: httpx.AsyncClient) -> None:
    headers = as_user(await create_admin())
    for number in range(3):
        await create_user(f"user{number}")
    page = (await client.get("/users", params={"limit": 2, "offset": 1}, headers=headers)).json()
    assert [user["username"] for user in page["items"]] == ["user0", "user1"]
    assert (page["total"], page["limit"], page["offset"]) == (4, 2, 1)
    for wrong in ({"limit": 0}, {"limit": 501}, {"offset": -1}, {"offset": 2**40}):
        assert (await client.get("/users", params=wrong, headers=headers)).status_code == 422


@pytest.mark.parametrize(("method", "path"), [("GET", "/users"), ("POST", "/users/create"), ("PATCH", "/users/1")])
async def test_only_admins_may(client: httpx.AsyncClient, method: str, path: str) -> None:
    nobody = await client.request(method, path)
    assert (nobody.status_code, nobody.json()["code"]) == (401, "unauthorized")
    user = await client.request(method, path, headers=as_user(await create_user("anna")))
    assert (user.status_code, user.json()["code"]) == (403, "forbidden")
    assert "admins" in user.json()["detail"]


async def test_a_name_is_given_once_whatever_its_case(client: httpx.AsyncClient) -> None:
    headers = as_user(await create_admin())
    answers = await asyncio.gather(
        *(client.post("/users/create", json=NEW | {"username": name}, headers=headers) for name in ("Boris", "bORIS"))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    refused = await client.post("/users/create", json=NEW, headers=headers)
    assert refused.status_code == 409
    assert "boris" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"password": "hunter2"}, "password"),
        ({"password": "hunter2" * 30}, "password"),
        ({"password": ["hunter2"]}, "password"),
        ({"username": "hunter2 hunter2"}, "username"),
        ({"username": "борис"}, "username"),
        ({"username": ""}, "username"),
        ({"username": "a" * 65}, "username"),
        ({"username": "boris\n"}, "username"),
        ({"email": "hunter2"}, "email"),
        ({"email": "hunter2@\x00"}, "email"),
        ({"is_admin": "hunter2"}, "is_admin"),
        ({"token_stamp": "hunter2"}, "token_stamp"),
    ],
)
async def test_what_is_not_valid_is_explained_but_not_repeated(
    client: httpx.AsyncClient, values: dict[str, Any], field: str
) -> None:
    admin = await create_admin()
    for method, path, body in [("POST", "/users/create", NEW | values), ("PATCH", f"/users/{admin.id}", values)]:
        answer = await client.request(method, path, json=body, headers=as_user(admin))
        assert answer.status_code == 422
        assert [error["field"] for error in answer.json()["errors"]] == [field]
        assert "hunter2" not in answer.text
        if field == "password":
            assert "12 to 200 characters" in answer.json()["detail"]
    assert (await stored(admin)).token_stamp == admin.token_stamp


async def test_any_text_may_be_a_password(client: httpx.AsyncClient) -> None:
    headers = as_user(await create_admin()) | {"Content-Type": "application/json"}
    body = b'{"username": "boris", "password": "\\u0000\\ud800 and so on and on"}'
    assert (await client.post("/users/create", content=body, headers=headers)).status_code == 201


async def test_what_is_left_out_stays(client: httpx.AsyncClient) -> None:
    admin = await create_admin()
    user = await create_user("anna", email="anna@example.com", is_admin=True)
    headers = as_user(user)
    for nothing in ({}, {"email": None, "password": None, "is_admin": None, "is_active": None}):
        assert (await client.patch(f"/users/{user.id}", json=nothing, headers=as_user(admin))).status_code == 200
    changed = await client.patch(f"/users/{user.id}", json={"email": "a@example.com"}, headers=as_user(admin))
    assert changed.json() == (await client.get("/users/me", headers=headers)).json()
    assert changed.json().items() >= {"email": "a@example.com", "is_admin": True, "is_active": True}.items()
    assert (await stored(user)).updated_at > user.updated_at
    changed = await client.patch(f"/users/{user.id}", json={"email": ""}, headers=as_user(admin))
    assert changed.json()["email"] is None


@pytest.mark.parametrize("number", ["999", "9223372036854775807"])
async def test_nobody_can_be_changed_who_is_not_there(client: httpx.AsyncClient, number: str) -> None:
    headers = as_user(await create_admin())
    answer = await client.patch(f"/users/{number}", json={"is_active": False}, headers=headers)
    assert answer.status_code == 404
    assert number in answer.json()["detail"]


@pytest.mark.parametrize("number", ["0", "-1", "9223372036854775808", "anna"])
async def test_a_number_is_a_number(client: httpx.AsyncClient, number: str) -> None:
    headers = as_user(await create_admin())
    assert (await client.patch(f"/users/{number}", json={}, headers=headers)).status_code == 422


@pytest.mark.parametrize("values", [{"is_active": False}, {"is_admin": False}])
async def test_the_last_admin_stays(client: httpx.AsyncClient, values: dict[str, bool]) -> None:
    admin = await create_admin()
    await create_user("gone", is_admin=True, is_active=False)
    headers = as_user(admin)
    refused = await client.patch(f"/users/{admin.id}", json=values, headers=headers)
    assert refused.status_code == 409
    assert "last active admin" in refused.json()["detail"]
    assert (await client.get("/users", headers=headers)).status_code == 200
    second = await create_admin("second")
    assert (await client.patch(f"/users/{admin.id}", json=values, headers=headers)).status_code == 200
    assert (await client.get("/users", headers=headers)).status_code in (401, 403)
    assert (await client.get("/users", headers=as_user(second))).status_code == 200


async def test_two_admins_cannot_remove_each_other_at_once(client: httpx.AsyncClient) -> None:
    for number in range(5):
        first, second = await create_admin(f"first{number}"), await create_admin(f"second{number}")
        async with async_session() as session, session.begin():
            for other in await session.scalars(select(User).where(User.id.not_in([first.id, second.id]))):
                other.is_admin = False
        answers = await asyncio.gather(
            client.patch(f"/users/{second.id}", json={"is_admin": False}, headers=as_user(first)),
            client.patch(f"/users/{first.id}", json={"is_active": False}, headers=as_user(second)),
        )
        assert 200 in (statuses := [answer.status_code for answer in answers]), statuses
        async with async_session() as session:
            assert await User.async_count(session, User.is_admin, User.is_active) == 1


def test_the_api_describes_itself(application: FastAPI) -> None:
    document = application.openapi()
    paths = [path for path in document["paths"] if path.startswith(("/users", "/token", "/my_app"))]
    assert len(paths) == 6
    for path in paths:
        for operation in document["paths"][path].values():
            assert operation["summary"] and operation["description"]
            for parameter in operation.get("parameters", []):
                assert parameter["description"], (path, parameter["name"])
            for status, response in operation["responses"].items():
                assert response["description"] and response["content"], (path, status)
    for name in ("SignIn", "Token", "NewUser", "UserChange", "UserRow", "NewNote", "NoteRow"):
        schema = document["components"]["schemas"][name]
        assert schema["title"] and schema["description"]
        for field, described in schema["properties"].items():
            assert described.get("description") and described.get("examples"), (name, field)
    flow = document["components"]["securitySchemes"]["OAuth2PasswordBearer"]["flows"]["password"]
    assert flow["tokenUrl"] == "token"
