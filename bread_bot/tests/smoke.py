"""python -m bread_bot.tests.smoke: the server as its users start it is spoken to, killed, and started again.

It runs in the current directory with the embedded database, against the tests' Bot API on this machine.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.fake import TOKEN, BotAPI

PORT = 18_080
START_SECONDS = 30
SECRET = "a-secret-of-the-smoke-test"


@contextmanager
def server(telegram: str) -> Iterator[subprocess.Popen[bytes]]:
    """`python server.py`, ready to work."""
    environment = os.environ | {
        "TELEGRAM_BOT_TOKEN": TOKEN,
        "TELEGRAM_API_URL": telegram,
        "WEBHOOK_URL": "https://bread.example/",
        "WEBHOOK_SECRET": SECRET,
        "PORT": str(PORT),
        "LEASE_SECONDS": "4",
    }
    began = time.monotonic()
    process = subprocess.Popen([sys.executable, "server.py"], env=environment)
    try:
        while time.monotonic() - began < START_SECONDS:
            try:
                if httpx.get(f"http://127.0.0.1:{PORT}/health/ready").status_code == 200:
                    break
            except httpx.TransportError:
                pass
            assert process.poll() is None, "the server has stopped"
            time.sleep(0.05)
        else:
            raise AssertionError("the server is not ready")
        print(f"ready after {time.monotonic() - began:.1f} s", flush=True)
        yield process
    finally:
        process.kill()
        process.wait()


def post(update: dict[str, Any]) -> None:
    """Deliver an update."""
    update["update_id"] += int(time.time())  # a database that has seen this test before takes it for another day's
    headers = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
    response = httpx.post(f"http://127.0.0.1:{PORT}/", json=update, headers=headers)
    assert response.status_code == 200, response.text


async def main() -> None:
    """Teach, be answered, kill, and be answered again."""
    bot_api = BotAPI()
    chat = updates.group()
    with bot_api.serve() as telegram:
        with server(telegram) as process:
            post(updates.message("Хлеб добавь триггер Привет=Медвед", chat=chat))
            await bot_api.wait_for(1)
            process.send_signal(signal.SIGKILL)
            process.wait()
        with server(telegram) as process:
            post(updates.message("привет", chat=chat))
            # the answer in flight when the server was killed may come twice, and then it comes first
            await bot_api.wait_for(lambda api: api.sent[-1].text == "Медвед", timeout=30)
            assert len(bot_api.sent) <= 3, bot_api.sent
            process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            assert process.wait(20) in (0, -signal.SIGTERM), process.returncode
            print(f"stopped after {time.monotonic() - began:.1f} s", flush=True)
    bot_api.assert_clean()
    print("the server taught, was killed, and answered")


if __name__ == "__main__":
    asyncio.run(main())
