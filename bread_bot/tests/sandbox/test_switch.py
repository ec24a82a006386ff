"""Who has no token gets a sandbox, reachable from this machine alone; who has one gets none."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from bread_bot.main.settings import BASE_DIR, Connection
from bread_bot.sandbox.switch import SANDBOX_TOKEN
from bread_bot.tests.checkout import SECONDS, environment, free_port
from bread_bot.tests.telegram.fake import TOKEN, BotAPI

pytestmark = pytest.mark.slow

SELF, NEIGHBOUR = "127.0.0.1", "127.0.0.2"  # a server at 127.0.0.1 does not listen at the other one


class Started:
    """A server that has just been started."""

    def __init__(self, port: int, log: Path) -> None:
        self.port = port
        self.log = log

    def get(self, host: str, path: str) -> int | None:
        """The status of an address; None where nobody listens."""
        with suppress(httpx.ConnectError):
            return httpx.get(f"http://{host}:{self.port}{path}").status_code
        return None


@contextmanager
def started(database: Connection, directory: Path, **options: str) -> Iterator[Started]:
    """python server.py, until it is ready."""
    server = Started(free_port(), directory / "log")
    options |= {f"DB_{name.upper()}": str(database[name] or "") for name in ("host", "port", "user", "password")}
    options |= {"DB_NAME": database["database"], "PORT": str(server.port)}
    with (
        server.log.open("wb") as log,
        subprocess.Popen(
            [sys.executable, "server.py"], cwd=BASE_DIR, env=environment(**options), stdout=log, stderr=log
        ) as process,
    ):
        try:
            deadline = time.monotonic() + SECONDS
            while server.get(SELF, "/health/ready") != 200:
                assert process.poll() is None and time.monotonic() < deadline, server.log.read_text()
            yield server
        finally:
            process.terminate()


@pytest.mark.parametrize(("host", "status"), [("", None), ("0.0.0.0", 200)])
def test_without_a_token(database: Connection, tmp_path: Path, host: str, status: int | None) -> None:
    """The sandbox is at this machine's own address, and elsewhere only if HOST says so."""
    with started(database, tmp_path, HOST=host) as server:
        address = f"http://{host or SELF}:{server.port}/sandbox"
        assert address in server.log.read_text()
        assert server.get(SELF, "/sandbox") == 200
        assert server.get(NEIGHBOUR, "/sandbox") == status


def test_with_a_token(database: Connection, tmp_path: Path) -> None:
    """There is neither a page nor a Bot API, and the server listens where it is told."""
    with BotAPI().serve() as api:
        with started(
            database, tmp_path, TELEGRAM_BOT_TOKEN=TOKEN, TELEGRAM_API_URL=api, HOST="", WORKERS_COUNT="1"
        ) as server:
            assert "/sandbox" not in server.log.read_text()
            assert server.get(NEIGHBOUR, "/health/ready") == 200
            for path in ("", "/events", "/cast", f"/api/bot{SANDBOX_TOKEN}/getMe", f"/api/bot{TOKEN}/getMe"):
                assert server.get(SELF, f"/sandbox{path}") == 404
