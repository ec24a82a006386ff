"""`python -m bread_bot create-admin`, run as an operator would."""

import asyncio
import os
import pty
import sys
from asyncio.subprocess import PIPE

import httpx
import pytest

from bread_bot.auth.models import User
from bread_bot.main.database.base import async_session
from bread_bot.main.settings import BASE_DIR, DATABASE_SETTINGS
from bread_bot.tests.auth.people import PASSWORD, create_user, sign_in


def environment(**values: str) -> dict[str, str]:
    connection = DATABASE_SETTINGS["default"]
    database = {"DB_HOST": connection["host"], "DB_PORT": str(connection["port"]), "DB_NAME": connection["database"],
                "DB_USER": connection["user"], "DB_PASSWORD": connection["password"] or ""}
    return {**os.environ, **database, "ADMIN_PASSWORD": "", **values}


async def create_admin(*arguments: str, **values: str) -> tuple[int, str]:
    """The exit status, and all that was said."""
    command = [sys.executable, "-m", "bread_bot", "create-admin", *arguments]
    process = await asyncio.create_subprocess_exec(
        *command, env=environment(**values), cwd=BASE_DIR, stdin=asyncio.subprocess.DEVNULL, stdout=PIPE, stderr=PIPE
    )
    said, complained = await process.communicate()
    assert process.returncode is not None
    assert bool(said) == (process.returncode == 0)
    assert bool(complained) == (process.returncode != 0)
    assert values.get("ADMIN_PASSWORD", PASSWORD) not in (text := (said + complained).decode())
    assert "Traceback" not in text
    return process.returncode, text


async def user_count() -> int:
    async with async_session() as session:
        return await User.async_count(session)


async def test_the_first_admin_comes_in(client: httpx.AsyncClient) -> None:
    status, said = await create_admin("baker", "--email", "baker@example.com", ADMIN_PASSWORD=PASSWORD)
    assert status == 0 and "baker" in said
    token = (await sign_in(client, "baker")).json()["access_token"]
    listed = await client.get("/users", headers={"Authorization": f"Bearer {token}"})
    expected = {"username": "baker", "email": "baker@example.com", "is_admin": True, "is_active": True}
    assert listed.json()["items"][0].items() >= expected.items()


@pytest.mark.parametrize(
    ("arguments", "password", "reason"),
    [
        (["baker"], "hunter2", "12 to 200 characters"),
        (["хлеб"], PASSWORD, "username"),
        (["baker", "--email", "nowhere"], PASSWORD, "email"),
        (["aNNa"], PASSWORD, "already"),
        (["baker"], "", "ADMIN_PASSWORD"),
    ],
)
async def test_what_is_wrong_is_said_in_one_line(
    database: object, arguments: list[str], password: str, reason: str
) -> None:
    await create_user("anna")
    status, said = await create_admin(*arguments, **({"ADMIN_PASSWORD": password} if password else {}))
    assert status == 1
    assert reason in said
    assert said.count("\n") == 1
    assert await user_count() == 1


async def test_a_name_is_needed(database: object) -> None:
    assert (await create_admin(ADMIN_PASSWORD=PASSWORD))[0] == 2


async def test_a_database_without_tables_is_to_be_migrated(empty_database: object) -> None:
    status, said = await create_admin("baker", ADMIN_PASSWORD=PASSWORD)
    assert status == 1
    assert "alembic upgrade head" in said and said.count("\n") == 1


async def test_a_database_that_is_down_is_told(database: object) -> None:
    status, said = await create_admin("baker", ADMIN_PASSWORD=PASSWORD, DB_HOST="127.0.0.1", DB_PORT="1")
    assert status == 1
    assert "can't be used" in said and said.count("\n") == 1


async def test_the_password_is_asked_for_twice_and_not_shown(database: object) -> None:
    terminal, side = pty.openpty()
    command = [sys.executable, "-m", "bread_bot", "create-admin", "baker"]
    process = await asyncio.create_subprocess_exec(
        *command, env=environment(), cwd=BASE_DIR, stdin=side, stdout=side, stderr=side, start_new_session=True
    )
    os.close(side)
    shown = b""

    async def answer(question: bytes, text: str) -> None:
        nonlocal shown
        while question not in shown:
            shown += await asyncio.to_thread(os.read, terminal, 1024)
        os.write(terminal, f"{text}\n".encode())
        shown = shown.partition(question)[2]

    await answer(b"Password: ", PASSWORD)
    await answer(b"Repeat for confirmation: ", "something else")
    await answer(b"Password: ", PASSWORD)
    await answer(b"Repeat for confirmation: ", PASSWORD)
    while b"is created" not in shown:
        shown += await asyncio.to_thread(os.read, terminal, 1024)
        assert PASSWORD.encode() not in shown
    assert await process.wait() == 0
    os.close(terminal)
    assert await user_count() == 1
