"""Signing in: whom POST /token lets in, and what it costs those who guess."""

import asyncio
import threading
import unicodedata
from collections import Counter
from datetime import timedelta

import argon2
import httpx
import pytest
from fastapi import FastAPI
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import select, text, update
from sqlalchemy.pool import QueuePool

from bread_bot.auth import slowdown
from bread_bot.auth.models import SignInFailure, User
from bread_bot.auth.passwords import hash_password
from bread_bot.auth.slowdown import Attempt
from bread_bot.main.database.base import async_session, get_engine
from bread_bot.tests.auth.people import PASSWORD, caller, create_admin, create_user, sign_in

WRONG = "неправильная лошадь"
DETAIL = "The user's name or the password is wrong"


@pytest.fixture
def computations(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often argon2 computes something; each time must be in a thread, and without a connection to the database."""
    counted: Counter[str] = Counter()
    loop_thread = threading.get_ident()
    for name in ("hash", "verify"):
        original = getattr(argon2.PasswordHasher, name)

        def compute(*arguments: object, name: str = name, original: object = original, **named: object) -> object:
            pool = get_engine().pool
            assert isinstance(pool, QueuePool)
            counted["with a connection"] += pool.checkedout()
            counted["in the loop"] += threading.get_ident() == loop_thread
            counted[name] += 1
            return original(*arguments, **named)  # type: ignore[operator]

        monkeypatch.setattr(argon2.PasswordHasher, name, compute)
    return counted


async def failures() -> list[int]:
    async with async_session() as session:
        return sorted(await session.scalars(select(SignInFailure.failures)))


async def pass_time(seconds: float) -> None:
    """Let time pass for the failures."""
    async with async_session() as session, session.begin():
        earlier = SignInFailure.last_at - timedelta(seconds=seconds)
        await session.execute(update(SignInFailure).values(last_at=earlier))


async def fail(username: str, address: str, times: int = 1) -> int:
    """Fail without computing hashes; the pause that follows the last attempt is 0 if it was counted."""
    seconds = 0
    for _ in range(times):
        async with async_session() as session, session.begin():
            seconds = await Attempt(username, address).begin(session)
    return seconds


async def somebody_waits_for_a_lock() -> None:
    """Wait until a statement of this database waits for a lock."""
    waiting = text("SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) "
                   "WHERE datname = current_database() AND NOT granted")
    while True:
        async with async_session() as session:
            if await session.scalar(waiting):
                return


# ---- who gets in


async def test_a_token_opens_the_door(client: httpx.AsyncClient) -> None:
    await create_admin("Baker")
    answer = await sign_in(client, "bAKER")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json()
    assert body["token_type"] == "bearer"
    assert body["expires_in"] == 3600
    me = await client.get("/users/me", headers={"Authorization": f"Bearer {body['access_token']}"})
    assert me.status_code == 200
    assert me.json()["username"] == "Baker"
    assert not any("password" in key or "stamp" in key for key in me.json())


async def test_a_password_may_be_composed_differently(client: httpx.AsyncClient) -> None:
    password = "Чай и зелёный йогурт"
    assert (composed := unicodedata.normalize("NFC", password)) != (parts := unicodedata.normalize("NFD", password))
    await create_user("anna", password_hash=hash_password(composed))
    assert (await sign_in(client, "anna", parts)).status_code == 200


async def test_fields_of_oauth2_that_are_not_needed_are_ignored(client: httpx.AsyncClient) -> None:
    await create_user("anna")
    form = {"username": "anna", "password": PASSWORD, "grant_type": "password", "scope": "", "client_id": "x"}
    assert (await client.post("/token", data=form)).status_code == 200


async def test_nobody_learns_which_users_there_are(client: httpx.AsyncClient, computations: Counter[str]) -> None:
    await create_user("anna")
    await create_user("gone", is_active=False)
    computations.clear()
    for username, password in [("anna", WRONG), ("nobody", WRONG), ("gone", WRONG), ("gone", PASSWORD), ("\x00", "x")]:
        answer = await sign_in(client, username, password)
        assert answer.status_code == 401, username
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.json()["detail"] == DETAIL
        assert computations["hash"] + computations["verify"] == 1, username
        computations.clear()


async def test_computing_keeps_nobody_waiting(
    application: FastAPI, database: object, computations: Counter[str]
) -> None:
    await create_user("anna")
    computations.clear()
    async with caller(application, "10.0.0.1") as client:  # nothing runs beside it that uses the database, too
        assert (await sign_in(client, "anna")).status_code == 200
        assert (await sign_in(client, "nobody")).status_code == 401
    assert computations == {"verify": 1, "hash": 1, "with a connection": 0, "in the loop": 0}


async def test_a_hash_of_an_older_fashion_is_renewed(client: httpx.AsyncClient) -> None:
    older = Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD.encode())
    user = await create_user("anna", password_hash=older)
    first = (await sign_in(client, "anna")).json()["access_token"]

    async def kept() -> str:
        async with async_session() as session:
            return (await session.scalars(select(User.password_hash).where(User.id == user.id))).one()

    renewed = await kept()
    assert renewed != older
    assert not Argon2Hasher().check_needs_rehash(renewed)
    assert (await sign_in(client, "anna")).status_code == 200
    assert await kept() == renewed
    assert (await client.get("/users/me", headers={"Authorization": f"Bearer {first}"})).status_code == 200


async def test_a_new_password_is_not_undone_by_a_renewed_hash(client: httpx.AsyncClient) -> None:
    """Somebody signs in with an old password, whose hash is renewed, just as it is replaced."""
    older = Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD.encode())
    user = await create_user("anna", password_hash=older)
    replaced = hash_password("совсем другой пароль")
    async with async_session() as session, session.begin():
        # its lock makes the renewal wait, and see the new password
        await session.execute(update(User).where(User.id == user.id).values(password_hash=replaced))
        signing_in = asyncio.create_task(sign_in(client, "anna"))
        await somebody_waits_for_a_lock()
    assert (await signing_in).status_code == 200
    async with async_session() as session:
        assert (await session.scalars(select(User.password_hash).where(User.id == user.id))).one() == replaced


# ---- what is not valid


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"username": "anna"}, "password"),
        ({"password": "hunter2 hunter2"}, "username"),
        ({"username": "anna", "password": "hunter2" * 100}, "password"),
        ({"username": "hunter2" * 100, "password": "x"}, "username"),
        ({"username": "anna", "password": "hunter2", "grant_type": "implicit"}, "grant_type"),
    ],
)
async def test_a_wrong_form_is_explained_but_not_repeated(
    client: httpx.AsyncClient, form: dict[str, str], field: str
) -> None:
    answer = await client.post("/token", data=form)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert "hunter2" not in answer.text


async def test_any_text_may_be_tried(client: httpx.AsyncClient) -> None:
    await create_user("anna")
    surrogate = b"username=anna&password=%ED%A0%80"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await client.post("/token", content=surrogate, headers=headers)).status_code == 401
    part = '--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
    parts = (part % ("username", "anna") + part % ("password", "\\ud800") + "--b--\r\n").encode()
    headers = {"Content-Type": "multipart/form-data; boundary=b; charset=unicode_escape"}
    assert (await client.post("/token", content=parts, headers=headers)).status_code == 401


# ---- who guesses is slowed down


async def test_failures_slow_a_user_down(app: FastAPI, client: httpx.AsyncClient) -> None:
    await create_user("anna")
    for _ in range(slowdown.FREE_BY_USER):
        assert (await sign_in(client, "anna", WRONG)).status_code == 401
    refused = await sign_in(client, "Anna")
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "1"
    assert "1 s" in refused.json()["detail"]
    async with caller(app, "10.0.0.2") as elsewhere:
        assert (await sign_in(elsewhere, "anna")).status_code == 429
    await create_user("boris")
    assert (await sign_in(client, "boris")).status_code == 200
    await pass_time(1)
    assert (await sign_in(client, "anna", WRONG)).status_code == 401
    assert (await sign_in(client, "anna")).headers["Retry-After"] == "2"
    await pass_time(2)
    assert (await sign_in(client, "anna")).status_code == 200
    assert (await sign_in(client, "anna", WRONG)).status_code == 401
    assert (await sign_in(client, "anna")).status_code == 200


async def test_an_unknown_user_is_slowed_down_as_well(client: httpx.AsyncClient) -> None:
    for _ in range(slowdown.FREE_BY_USER):
        assert (await sign_in(client, "nobody", WRONG)).status_code == 401
    refused = await sign_in(client, "nobody", WRONG)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")


async def test_many_guesses_at_once_are_no_more_than_one_after_another(client: httpx.AsyncClient) -> None:
    await create_user("anna")
    answers = await asyncio.gather(*(sign_in(client, "anna", WRONG) for _ in range(30)))
    assert Counter(answer.status_code for answer in answers) == {401: slowdown.FREE_BY_USER, 429: 25}


async def test_failures_slow_an_address_down(app: FastAPI) -> None:
    await create_user("anna")
    for number in range(slowdown.FREE_BY_ADDRESS):
        assert await fail(f"user{number}", "10.0.0.1") == 0
    async with caller(app, "10.0.0.1") as there, caller(app, "10.0.0.2") as elsewhere:
        refused = await sign_in(there, "anna")
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
        assert (await sign_in(elsewhere, "anna")).status_code == 200
        await pass_time(1)
        assert (await sign_in(there, "anna")).status_code == 200


async def test_a_password_of_ones_own_does_not_buy_guesses(app: FastAPI) -> None:
    await create_user("mallory")
    async with caller(app, "10.0.0.1") as there:
        for number in range(slowdown.FREE_BY_ADDRESS):
            assert await fail(f"user{number}", "10.0.0.1") == 0
            if number == slowdown.FREE_BY_ADDRESS - 2:
                assert (await sign_in(there, "mallory")).status_code == 200
    assert await fail("anna", "10.0.0.1") == 1


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("10.0.0.1", "::ffff:10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("", "", True),
    ],
)
async def test_what_counts_as_one_address(database: object, first: str, second: str, is_same: bool) -> None:
    for number in range(slowdown.FREE_BY_ADDRESS):
        await fail(f"user{number}", first)
    assert (await fail("anna", second) > 0) == is_same


async def test_the_pause_doubles_up_to_a_limit(database: object) -> None:
    await fail("anna", "10.0.0.1", slowdown.FREE_BY_USER)
    pauses = []
    for _ in range(12):
        pauses.append(await fail("anna", "10.0.0.2"))
        await pass_time(pauses[-1])
        assert await fail("anna", "10.0.0.2") == 0
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


async def test_refused_attempts_count_for_nothing(database: object) -> None:
    await fail("anna", "10.0.0.1", slowdown.FREE_BY_USER)
    before = await failures()
    for number in range(10):
        async with async_session() as session:
            assert await Attempt("anna", f"10.0.1.{number}").begin(session) == 1
            await session.rollback()
    assert await failures() == before


async def test_old_failures_are_forgotten(client: httpx.AsyncClient) -> None:
    await create_user("anna")
    await fail("anna", "10.0.0.1", slowdown.FREE_BY_USER)
    await pass_time(slowdown.FORGOTTEN_AFTER.total_seconds() + 1)
    assert await fail("anna", "10.0.0.1", slowdown.FREE_BY_USER) == 0
    await pass_time(slowdown.FORGOTTEN_AFTER.total_seconds() + 1)
    await create_user("boris")
    assert (await sign_in(client, "boris")).status_code == 200
    assert await failures() == [0]


async def test_names_and_addresses_are_not_kept(database: object) -> None:
    assert set(SignInFailure.__table__.columns.keys()) == {"bucket", "failures", "last_at"}
    await fail("a password typed in the wrong place", "10.0.0.1")
    async with async_session() as session:
        assert all(0 <= bucket < 2**17 for bucket in await session.scalars(select(SignInFailure.bucket)))
