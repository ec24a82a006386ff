"""Another checkout, with an embedded database of its own: what people do there is done there, too."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bread_bot.main.settings import BASE_DIR

SECONDS = 60
SECRET = "a-secret-of-this-checkout"
_NOT_OURS = ("DB_", "TELEGRAM_", "WEBHOOK_", "COVERAGE_")


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(**options: str) -> dict[str, str]:
    """The environment of a program there: nothing that the tests are run with, and these options."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_OURS)}
    return inherited | {"HOST": "127.0.0.1", "WEBHOOK_SECRET": SECRET} | options


class Checkout:
    """A directory with the program and, as `.venv`, the Python that runs the tests."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.database = directory / ".bread_bot"
        (directory / ".venv").symlink_to(sys.prefix)

    def fill(self) -> None:
        """Put all in it that runs."""
        for name in ("server.py", "alembic.ini"):
            shutil.copy(BASE_DIR / name, self.directory)
        unneeded = shutil.ignore_patterns("tests", "__pycache__")
        shutil.copytree(BASE_DIR / "bread_bot", self.directory / "bread_bot", ignore=unneeded)

    def run(self, commands: str) -> str:
        """Run commands of bash, each of which has to succeed; what they print."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=self.directory,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def served(self, **options: str) -> Iterator[str]:
        """The address of `python server.py` there, which is stopped as systemd and Docker do, and its database, too."""
        port = free_port()
        address = f"http://127.0.0.1:{port}"
        with subprocess.Popen(
            [".venv/bin/python", "server.py"], cwd=self.directory, env=environment(PORT=str(port), **options)
        ) as process:
            try:
                self._wait_until_ready(process, address)
                yield address
                process.send_signal(signal.SIGTERM)
                assert process.wait(SECONDS) in (0, -signal.SIGTERM)
            finally:
                process.kill()
        self.wait_until_stopped()

    def wait_until_stopped(self) -> None:
        """Wait until nobody runs on the embedded database any more."""
        with open(self.database / "running.lock", "ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)

    def _wait_until_ready(self, process: subprocess.Popen[bytes], address: str) -> None:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            assert process.poll() is None, "the server has stopped"
            try:
                if httpx.get(f"{address}/health/ready").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError("the server is not ready")
