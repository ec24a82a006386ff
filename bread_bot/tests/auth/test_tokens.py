"""Tokens: which ones hold, and that those of somebody who may not any more stop at once."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
from pydantic import SecretStr
from sqlalchemy import update

from bread_bot.auth.models import User
from bread_bot.main.database.base import async_session
from bread_bot.main.settings import settings
from bread_bot.tests.auth.people import PASSWORD, as_user, create_admin, create_user, sign_in

LONG_KEY = "long enough for every algorithm of the family, which wants 64 bytes at most"
OTHER_KEY = "another key, which is just as long as the longest that any of them wants"

Forge = Callable[[dict[str, Any], str], str]


async def status(client: httpx.AsyncClient, headers: Mapping[str, Any], path: str = "/users/me") -> int:
    answer = await client.get(path, headers=headers)
    if answer.status_code == 401:
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert "/token" in answer.json()["detail"]
    return answer.status_code


async def change(client: httpx.AsyncClient, user: User, **values: object) -> None:
    admin = await create_admin(f"admin-{datetime.now().timestamp()}")
    answer = await client.patch(f"/users/{user.id}", json=values, headers=as_user(admin))
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "forge",
    [
        lambda claims, key: jwt.encode(claims, OTHER_KEY, "HS256"),
        lambda claims, key: jwt.encode(claims, key, "HS512"),
        lambda claims, key: jwt.encode(claims, "", "none"),
        lambda claims, key: jwt.encode(claims | {"exp": datetime.now(UTC) - timedelta(seconds=1)}, key, "HS256"),
        lambda claims, key: jwt.encode(claims | {"stamp": "guessed"}, key, "HS256"),
        lambda claims, key: jwt.encode(claims | {"stamp": "\ud800"}, key, "HS256"),
        lambda claims, key: jwt.encode(claims | {"stamp": None}, key, "HS256"),
        lambda claims, key: jwt.encode(claims | {"sub": "999"}, key, "HS256"),
        lambda claims, key: jwt.encode(claims | {"sub": "-1"}, key, "HS256"),
        lambda claims, key: jwt.encode(claims | {"sub": "9" * 30}, key, "HS256"),
        lambda claims, key: jwt.encode(claims | {"sub": "anna"}, key, "HS256"),
        *(
            lambda claims, key, name=name: jwt.encode({k: v for k, v in claims.items() if k != name}, key, "HS256")
            for name in ("sub", "stamp", "iat", "exp")
        ),
        lambda claims, key: jwt.encode(claims, key, "HS256") + "x",
        lambda claims, key: "garbage",
        lambda claims, key: "",
        lambda claims, key: "ÿ" * 10,
    ],
)
async def test_a_token_that_is_not_ours_does_not_hold(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, forge: Forge
) -> None:
    """Not even one that is signed with the right key, which is public where nobody has set another."""
    user = await create_user("anna")
    key = LONG_KEY
    monkeypatch.setattr(settings, "SECRET_KEY", SecretStr(key))
    claims = jwt.decode(as_user(user)["Authorization"].split()[1], key, ["HS256"])
    assert await status(client, {"Authorization": "Bearer " + jwt.encode(claims, key, "HS256")}) == 200
    assert await status(client, {"Authorization": f"Bearer {forge(claims, key)}".encode()}) == 401


async def test_without_a_token_nobody_is_signed_in(client: httpx.AsyncClient) -> None:
    assert await status(client, {}) == 401
    assert await status(client, {"Authorization": "Basic YTpi"}) == 401
    assert await status(client, {"Authorization": "Bearer"}) == 401


async def test_a_token_holds_for_so_many_minutes(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    await create_user("anna")
    monkeypatch.setattr(settings, "ACCESS_TOKEN_MINUTES", 7)
    body = (await sign_in(client, "anna")).json()
    claims = jwt.decode(body["access_token"], options={"verify_signature": False})
    assert body["expires_in"] == 420 == claims["exp"] - claims["iat"]


async def test_a_new_secret_key_ends_all_tokens(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = as_user(await create_user("anna"))
    monkeypatch.setattr(settings, "SECRET_KEY", SecretStr(OTHER_KEY))
    assert await status(client, headers) == 401


async def test_a_deactivated_user_is_out_at_once_and_for_good(client: httpx.AsyncClient) -> None:
    user = await create_user("anna")
    headers = as_user(user)
    assert await status(client, headers) == 200
    await change(client, user, is_active=False)
    assert await status(client, headers) == 401
    assert (await sign_in(client, "anna")).status_code == 401
    await change(client, user, is_active=True)
    assert await status(client, headers) == 401
    assert (await sign_in(client, "anna")).status_code == 200


async def test_who_is_deactivated_in_the_database_is_out_as_well(client: httpx.AsyncClient) -> None:
    user = await create_user("anna")
    async with async_session() as session, session.begin():
        await session.execute(update(User).where(User.id == user.id).values(is_active=False))
    assert await status(client, as_user(user)) == 401


async def test_a_new_password_ends_the_tokens_of_the_old_one(client: httpx.AsyncClient) -> None:
    user = await create_user("anna")
    headers = as_user(user)
    await change(client, user, password="совсем другой пароль")
    assert await status(client, headers) == 401
    assert (await sign_in(client, "anna", PASSWORD)).status_code == 401
    assert (await sign_in(client, "anna", "совсем другой пароль")).status_code == 200


async def test_rights_are_given_and_taken_at_once(client: httpx.AsyncClient) -> None:
    user = await create_user("anna")
    headers = as_user(user)
    assert await status(client, headers, "/users") == 403
    await change(client, user, is_admin=True)
    assert await status(client, headers, "/users") == 200
    await change(client, user, is_admin=False)
    assert await status(client, headers, "/users") == 403
    assert await status(client, headers) == 200
