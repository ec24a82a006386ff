"""`python -m bread_bot`, run as an operator would."""

import asyncio
import json
import os
import pty
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from bread_bot.main.settings import BASE_DIR, DATABASE_SETTINGS
from bread_bot.main.settings.default import Settings
from bread_bot.tests.telegram.fake import TOKEN


@dataclass(frozen=True, slots=True)
class Done:
    """How a command has ended: its exit status, and what it said on stdout and stderr."""

    status: int
    output: str
    complaint: str

    @property
    def json(self) -> Any:
        """What it said to a machine."""
        return json.loads(self.output)


def database_environment() -> dict[str, str]:
    """The test's database, for another process."""
    connection = DATABASE_SETTINGS["default"]
    return {
        "DB_HOST": connection["host"],
        "DB_PORT": str(connection["port"]),
        "DB_NAME": connection["database"],
        "DB_USER": connection["user"],
        "DB_PASSWORD": connection["password"] or "",
    }


async def _start(arguments: Iterable[str], settings: dict[str, str], **options: Any) -> Process:
    inherited = {name: value for name, value in os.environ.items() if name not in Settings.model_fields}
    command = (sys.executable, "-m", "bread_bot", *arguments)
    environment = inherited | database_environment() | settings
    return await asyncio.create_subprocess_exec(*command, env=environment, cwd=BASE_DIR, **options)


async def bread_bot(*arguments: str, **environment: str) -> Done:
    """Run a command with the test's database and these settings; it shows no token and no traceback."""
    process = await _start(arguments, environment, stdin=DEVNULL, stdout=PIPE, stderr=PIPE)
    said, complained = await process.communicate()
    assert process.returncode is not None
    done = Done(process.returncode, said.decode(), complained.decode())
    everything = done.output + done.complaint
    assert "Traceback" not in everything, everything
    assert TOKEN.partition(":")[2] not in everything
    return done


async def on_terminal(answer: str, *arguments: str, **environment: str) -> tuple[int, str]:
    """Run a command at a terminal, where one question gets this answer; its exit status, and all that was shown."""
    terminal, side = pty.openpty()
    process = await _start(arguments, environment, stdin=side, stdout=side, stderr=side, start_new_session=True)
    os.close(side)
    os.write(terminal, f"{answer}\n".encode())
    shown = b""
    with suppress(OSError):  # nobody writes there any more
        while more := await asyncio.to_thread(os.read, terminal, 4096):
            shown += more
    os.close(terminal)
    return await process.wait(), shown.decode()
