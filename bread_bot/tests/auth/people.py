"""Users for tests."""

from functools import cache

import httpx
from fastapi import FastAPI

from bread_bot.auth import tokens
from bread_bot.auth.models import User
from bread_bot.auth.passwords import hash_password
from bread_bot.main.database.base import async_session

PASSWORD = "правильная лошадь"


@cache
def kept_password() -> str:
    """The hash of PASSWORD, computed once."""
    return hash_password(PASSWORD)


async def create_user(username: str, **values: object) -> User:
    """Somebody who may sign in with PASSWORD."""
    async with async_session() as session, session.begin():
        return await User.async_create(session, username=username, **{"password_hash": kept_password()} | values)


async def create_admin(username: str = "admin") -> User:
    """An admin with PASSWORD."""
    return await create_user(username, is_admin=True)


def as_user(user: User) -> dict[str, str]:
    """The header of a request by somebody who has signed in."""
    return {"Authorization": f"Bearer {tokens.issue(user)}"}


def caller(app: FastAPI, address: str) -> httpx.AsyncClient:
    """Somebody who calls from an address of their own."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 40000))
    return httpx.AsyncClient(transport=transport, base_url="http://bread.example")


async def sign_in(client: httpx.AsyncClient, username: str, password: str = PASSWORD) -> httpx.Response:
    """Ask for a token."""
    return await client.post("/token", data={"username": username, "password": password})
