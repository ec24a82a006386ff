"""What all tests share: a database of their own, and the running app with a strict Bot API at its border."""

import configparser
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from bread_bot.main.database import embedded
from bread_bot.main.database.base import dispose_engines
from bread_bot.main.database.migrations import migrate
from bread_bot.main.settings import BASE_DIR, DATABASE_SETTINGS, Connection, settings
from bread_bot.main.webserver import create_app
from bread_bot.sources.source import SOURCES
from bread_bot.tests.stumbling import Stumbling
from bread_bot.tests.talk import Talk
from bread_bot.tests.telegram.fake import TOKEN, BotAPI
from bread_bot.utils.base_client import close_pool, open_pool


class DatabaseServer:
    """The server that tests make their databases on."""

    def __init__(self, connection: Connection, administrator: str) -> None:
        self.connection = connection
        self.administrator = administrator

    def execute(self, sql: str) -> None:
        """Run one statement as somebody who may create databases."""
        address = self.connection
        with psycopg.connect(
            host=address["host"], port=address["port"], user=self.administrator, password=address["password"],
            dbname=address["database"], autocommit=True,
        ) as connection:
            connection.execute(sql.encode())

    @contextmanager
    def created(self, template: str) -> Iterator[Connection]:
        """A new database, a copy of the template; copying files takes 15 ms."""
        name = f"test_{uuid4().hex}"
        owner = self.connection["user"]
        self.execute(f'CREATE DATABASE "{name}" OWNER "{owner}" TEMPLATE "{template}" STRATEGY file_copy')
        yield {**self.connection, "database": name, "is_running": True}
        self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def throw_away_place() -> Iterator[embedded.Place]:
    """An embedded PostgreSQL that is quick rather than safe, and leaves nothing behind."""
    directory = Path(tempfile.mkdtemp(prefix="bread_bot-"))
    directory.chmod(0o711)  # PgBouncer, which can't be root, has to reach the sockets
    place = embedded.Place(directory, is_durable=False)
    try:
        yield place
        embedded.stop(place)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def database_server() -> Iterator[DatabaseServer]:
    """The server that DB_* name; without them an embedded one, only for these tests."""
    if not settings.is_database_embedded:
        yield DatabaseServer(settings.connection, settings.connection["user"])
        return
    with throw_away_place() as place:
        embedded.ensure_running(place)
        connection = Connection(
            database=embedded.DATABASE, user=embedded.USER, password=None, host=str(place.sockets), port=embedded.PORT
        )
        yield DatabaseServer(connection, embedded.SUPERUSER)


@pytest.fixture(scope="session")
def template_database(database_server: DatabaseServer) -> Iterator[str]:
    """A database that `alembic upgrade head` has made; tests get copies of it."""
    with database_server.created("template0") as template, pytest.MonkeyPatch.context() as patch:
        patch.setitem(DATABASE_SETTINGS, "default", template)
        migrate()
        patch.undo()
        yield template["database"]


@pytest.fixture
async def database(database_server: DatabaseServer, template_database: str) -> AsyncIterator[Connection]:
    """A migrated database of the test's own, which the engines use."""
    with database_server.created(template_database) as connection:
        async with used(connection):
            yield connection


@pytest.fixture
async def empty_database(database_server: DatabaseServer) -> AsyncIterator[Connection]:
    """The same without any tables."""
    with database_server.created("template0") as connection:
        async with used(connection):
            yield connection


@asynccontextmanager
async def used(connection: Connection) -> AsyncIterator[None]:
    """Point the engines at a database for a while."""
    await dispose_engines()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(DATABASE_SETTINGS, "default", connection)
        yield
        await dispose_engines()


@pytest.fixture
async def through_pgbouncer(database: Connection, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Connection]:
    """The same database, reached through a PgBouncer with the repository's pgbouncer.ini and three connections."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("there is no pgbouncer here; apt-get install pgbouncer")
    with tempfile.TemporaryDirectory(prefix="bread_bot-") as directory:
        connection: Connection = {**database, "host": directory, "port": 6432, "password": "bread and butter"}
        _configure_pgbouncer(Path(directory), database, connection)
        user = None
        if os.geteuid() == 0:  # which it refuses to be
            user = "nobody"
            shutil.chown(directory, user)
        with subprocess.Popen(
            [program, "pgbouncer.ini"], cwd=directory, user=user, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            assert any("process up" in line for line in process.stderr)
            monkeypatch.setattr(settings, "DB_PGBOUNCER", True)
            async with used(connection):
                yield connection
            process.terminate()


def _configure_pgbouncer(directory: Path, server: Connection, connection: Connection) -> None:
    configuration = configparser.ConfigParser(interpolation=None)
    configuration.read(BASE_DIR / "pgbouncer" / "pgbouncer.ini", encoding="utf-8")
    databases, address = configuration["databases"], "host=127.0.0.1 port=5432"
    assert address in databases["*"]
    databases["*"] = databases["*"].replace(address, f"host={server['host']} port={server['port']}")
    settled = {"listen_addr": "", "unix_socket_dir": str(directory), "default_pool_size": "3"}
    configuration["pgbouncer"].update(settled)
    with open(directory / "pgbouncer.ini", "w", encoding="utf-8") as file:
        configuration.write(file)
    (directory / "userlist.txt").write_text(f'"{connection["user"]}" "{connection["password"]}"\n')


class Elsewhere(httpx.AsyncBaseTransport):
    """The rest of the network, which tests don't have: every service is down."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Refuse the connection."""
        raise httpx.ConnectError("tests have no network", request=request)


@pytest.fixture
async def bot_api() -> AsyncIterator[BotAPI]:
    """Telegram; the test fails when a call deviates from the Bot API."""
    bot_api = BotAPI()
    open_pool(transport=bot_api.transport(Elsewhere()))
    yield bot_api
    bot_api.release()
    await close_pool()
    bot_api.assert_clean()


@pytest.fixture(scope="session")
def application() -> FastAPI:
    """The app, built once."""
    return create_app()


@pytest.fixture
def test_settings(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A webhook and no limits of pace; for a test's own settings."""
    for name, value in {
        "TELEGRAM_BOT_TOKEN": SecretStr(TOKEN),
        "WEBHOOK_URL": "https://bread.example/",
        "CHAT_RATE": 0,
        "GROUP_RATE": 0,
        "TOTAL_RATE": 0,
        "COMMANDS_PER_MINUTE": 0,
    }.items():
        monkeypatch.setattr(settings, name, value)
    return monkeypatch


@pytest.fixture
async def app(
    application: FastAPI, database: Connection, bot_api: BotAPI, test_settings: pytest.MonkeyPatch
) -> AsyncIterator[FastAPI]:
    """The running app."""
    async with application.router.lifespan_context(application):
        await bot_api.wait_for_call("setWebhook")
        await bot_api.wait_for_call("getMe")
        yield application


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who calls the app by HTTP, and knows the webhook's secret."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"X-Telegram-Bot-Api-Secret-Token": app.state.webhook_secret}
    async with httpx.AsyncClient(transport=transport, base_url="http://bread.example", headers=headers) as client:
        yield client


@pytest.fixture
async def talk(app: FastAPI, client: httpx.AsyncClient, bot_api: BotAPI) -> Talk:
    """A group in which Anna speaks."""
    return Talk(app, client, bot_api)


@pytest.fixture
def stumbling(application: FastAPI) -> Iterator[Stumbling]:
    """The app has a bug."""
    stumbling = Stumbling()
    with stumbling.declared(application.state.commands):
        yield stumbling


@pytest.fixture
def trusted() -> Iterator[None]:
    """All sources are trusted, whatever has befallen them in other tests."""
    for source in SOURCES:
        source.breaker.succeed()
    yield
    for source in SOURCES:
        source.breaker.succeed()
