"""Migrations: up, down and up again, by the program and at the command line, alone and at once."""

import json
import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Engine, event, inspect, text

from bread_bot.main.database import embedded
from bread_bot.main.database.base import get_sync_engine
from bread_bot.main.database.migrations import alembic_config, is_at_head, migrate
from bread_bot.main.settings import BASE_DIR, Connection, settings

Run = Callable[..., subprocess.CompletedProcess[str]]

BAKERY = """
from sqlalchemy.orm import Mapped

from bread_bot.main.database.mixins import BaseModel


class Loaf(BaseModel):
    __tablename__ = "loaf"

    name: Mapped[str]
"""


def tables() -> set[str]:
    return set(inspect(get_sync_engine()).get_table_names())


async def test_up_down_and_up_again(empty_database: Connection) -> None:
    assert not await is_at_head()
    migrate()
    assert await is_at_head()
    first = tables()
    assert {"alembic_version", "user", "chat", "member"} <= first
    command.check(alembic_config())
    command.downgrade(alembic_config(), "base")
    assert tables() == {"alembic_version"}
    assert not await is_at_head()
    migrate()
    assert tables() == first
    command.check(alembic_config())


def test_what_keys_are_found_by_is_told_from_the_index(empty_database: Connection) -> None:
    """Chats that were taught before the settings told it."""
    cues = {
        "empty": [],
        "triggers": ["=привет"],
        "words": ["~хлеб", "#хлеб"],
        "long": ["~я " + "а" * 98, "~раз два три четыре"],
        "signs": ["~c++"],
    }
    wanted = {
        "empty": set(),
        "triggers": {"cue_whole"},
        "words": {"cue_1", "cue_form"},
        "long": {"cue_1", "cue_2", "cue_4", "cue_8"},
        "signs": {"cue_0", "cue_1"},
    }
    command.upgrade(alembic_config(), "eebcc94d4c17")
    with get_sync_engine().begin() as connection:
        for number, (title, some) in enumerate(cues.items(), 1):
            settings = {"chance": 50} | ({"has_keys": True} if some else {})
            connection.execute(
                text("INSERT INTO chat (id, type, title, settings) VALUES (:id, 'group', :title, :settings)"),
                {"id": number, "title": title, "settings": json.dumps(settings)},
            )
            for cue in some:
                connection.execute(text("INSERT INTO cue VALUES (:id, :cue, 'a')"), {"id": number, "cue": cue})
    migrate()
    assert _settings() == {title: {"chance": 50} | dict.fromkeys(kinds, True) for title, kinds in wanted.items()}
    command.downgrade(alembic_config(), "eebcc94d4c17")
    assert _settings() == {title: {"chance": 50} | ({"has_keys": True} if some else {}) for title, some in cues.items()}


def _settings() -> dict[str, dict[str, object]]:
    with get_sync_engine().connect() as connection:
        return {title: settings for title, settings in connection.execute(text("SELECT title, settings FROM chat"))}


def test_a_migration_locks_and_limits_itself(empty_database: Connection) -> None:
    said: list[str] = []

    def hear(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        said.append(statement)

    event.listen(Engine, "before_cursor_execute", hear)
    migrate()
    event.remove(Engine, "before_cursor_execute", hear)
    ours = [statement for statement in said if statement.startswith("SET") or "advisory" in statement]
    limits = ("SET LOCAL statement_timeout", "SET LOCAL lock_timeout = 0")
    beginnings = (*limits, "SELECT pg_advisory_xact_lock", "SET LOCAL lock_timeout")
    assert all(statement.startswith(beginning) for statement, beginning in zip(ours, beginnings, strict=True))


def test_the_logging_of_the_program_stays(database: Connection) -> None:
    root = logging.getLogger()
    before = list(root.handlers), root.level, logging.getLogger("bread_bot").level
    migrate()
    assert (list(root.handlers), root.level, logging.getLogger("bread_bot").level) == before


def test_names_of_files_begin_with_the_date() -> None:
    for file in (BASE_DIR / "bread_bot" / "alembic" / "versions").glob("*.py"):
        assert re.fullmatch(r"\d{4}_\d\d_\d\d_\d{4}_\w+\.py", file.name)


@pytest.fixture
def environment(empty_database: Connection) -> dict[str, str]:
    """What another process needs to work with the test's database."""
    names = {"DB_HOST": "host", "DB_PORT": "port", "DB_USER": "user", "DB_NAME": "database", "DB_PASSWORD": "password"}
    values = {name: str(empty_database[key] or "") for name, key in names.items()}  # type: ignore[literal-required]
    return os.environ | values


@pytest.fixture
def alembic(environment: dict[str, str]) -> Run:
    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "alembic", *arguments], cwd=BASE_DIR, env=environment | more, capture_output=True,
            text=True, timeout=60,
        )

    return run


async def test_two_that_start_at_once_migrate_once(environment: dict[str, str]) -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "alembic", "upgrade", "head"], cwd=BASE_DIR, env=environment, stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    said = [process.communicate(timeout=60)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], said
    assert sum("Running upgrade" in one for one in said) == 1
    assert await is_at_head()


def test_a_misspelt_app_is_named_in_one_line(alembic: Run) -> None:
    done = alembic("upgrade", "head", APP_MODULES="bread_bot.auht")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "bread_bot.auht" in done.stdout + done.stderr


def test_a_database_that_is_away_is_told_in_one_line(alembic: Run) -> None:
    done = alembic("upgrade", "head", DB_HOST="127.0.0.1", DB_PORT="1", DB_PASSWORD="secret")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "connection" in done.stdout + done.stderr
    assert "secret" not in done.stdout + done.stderr


def test_sql_can_be_printed(alembic: Run) -> None:
    done = alembic("upgrade", "head", "--sql")
    assert "CREATE TABLE chat" in done.stdout


def test_the_command_line_and_an_app_of_ones_own(tmp_path: Path) -> None:
    """The way of somebody who adds an app, in a checkout without any DB_*."""
    left_out = shutil.ignore_patterns("tests", "__pycache__")
    shutil.copytree(BASE_DIR / "bread_bot", tmp_path / "bread_bot", ignore=left_out)
    shutil.copy(BASE_DIR / "alembic.ini", tmp_path)
    versions = tmp_path / "bread_bot" / "alembic" / "versions"
    before = set(versions.iterdir())
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DB_")}

    def alembic(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "alembic", *arguments], cwd=tmp_path, env=environment, capture_output=True,
            text=True, timeout=60,
        )
        return f"{done.returncode}: {done.stdout}{done.stderr}"

    place = embedded.Place(tmp_path / ".bread_bot")
    embedded.ensure_running(place)  # kept running in between
    try:
        said = alembic("upgrade", "head")
        assert said.startswith("0: ") and f"PostgreSQL is embedded; its data is in {place.data}" in said
        assert alembic("check").startswith("0: No new upgrade operations detected.")
        (tmp_path / "bakery").mkdir()
        (tmp_path / "bakery" / "__init__.py").touch()
        (tmp_path / "bakery" / "models.py").write_text(BAKERY)
        (tmp_path / ".env").write_text(f"APP_MODULES={','.join([*settings.APP_MODULES, 'bakery'])}\n")
        assert "New upgrade operations detected: [('add_table', Table('loaf'" in alembic("check")
        assert alembic("revision", "--autogenerate", "-m", "my bread").startswith("0: ")
        (made,) = set(versions.glob("*.py")) - before
        assert re.fullmatch(r"\d{4}_\d\d_\d\d_\d{4}_my_bread\.py", made.name)
        assert re.findall(r"op\.(\w+_table)\(['\"](\w+)", made.read_text()) == [
            ("create_table", "loaf"),
            ("drop_table", "loaf"),
        ]
        for arguments in (["upgrade", "head"], ["downgrade", "-1"], ["upgrade", "head"], ["check"]):
            assert alembic(*arguments).startswith("0: ")
    finally:
        embedded.stop(place)
