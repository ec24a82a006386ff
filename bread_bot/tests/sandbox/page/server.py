"""The sandbox as somebody starts it: python server.py without a token."""

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx

from bread_bot.main.settings import BASE_DIR, Connection

_UNLIMITED = dict.fromkeys(("CHAT_RATE", "GROUP_RATE", "TOTAL_RATE", "COMMANDS_PER_MINUTE"), "0")


class Server:
    """A server that can be stopped and started again."""

    def __init__(self, connection: Connection, directory: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = directory / "log"
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("TELEGRAM_")} | {
            "PORT": str(self.port),
            "TELEGRAM_BOT_TOKEN": "",
            "HOST": "",
            "DB_HOST": connection["host"],
            "DB_PORT": str(connection["port"]),
            "DB_NAME": connection["database"],
            "DB_USER": connection["user"],
            "DB_PASSWORD": connection["password"] or "",
            **_UNLIMITED,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Whether it has been started, and has not been stopped since."""
        return self._process is not None and self._process.poll() is None

    async def start(self) -> None:
        """Start, and wait until it can work."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "server.py"], cwd=BASE_DIR, env=self._environment, stdout=log, stderr=log
            )
        async with asyncio.timeout(60), httpx.AsyncClient() as client:
            while True:
                try:
                    if (await client.get(f"{self.address}/health/ready")).status_code == 200:
                        return
                except httpx.TransportError:
                    assert self._process.poll() is None, self.log.read_text()
                await asyncio.sleep(0.1)

    async def stop(self) -> None:
        """Stop as SIGTERM does."""
        assert self._process is not None
        self._process.terminate()
        await asyncio.to_thread(self._process.wait, 20)

    async def begin_anew(self) -> None:
        """Forget all that has happened."""
        async with httpx.AsyncClient() as client:
            answer = await client.post(f"{self.address}/sandbox/reset")
        assert answer.is_success, answer.text
