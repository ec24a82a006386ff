"""A backup by README's commands, of the embedded database: dumped, destroyed, restored, and the bot answers."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from bread_bot.main.settings import BASE_DIR, Connection
from bread_bot.tests.checkout import SECRET, Checkout, environment
from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.fake import TOKEN, BotAPI

CHAT = updates.group()


def commands(marker: str) -> str:
    """The commands that stand in README below a marker."""
    text = (BASE_DIR / "README.md").read_text("utf-8")
    blocks: list[str] = re.findall(rf"<!-- {marker} -->\n\s*```bash\n(.*?)```", text, re.DOTALL)
    (block,) = blocks
    return block


async def _say(address: str, bot_api: BotAPI, text: str) -> str | None:
    """What the bot answers."""
    said = len(bot_api.sent)
    update = updates.message(text, chat=CHAT)
    bot_api.note(update)
    headers = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
    async with httpx.AsyncClient(headers=headers) as client:
        assert (await client.post(address, json=update)).status_code == 200
    await bot_api.wait_for(said + 1)
    return bot_api.sent[-1].text


@pytest.mark.slow
async def test_what_was_dumped_is_there_again(tmp_path: Path) -> None:
    bot_api = BotAPI()
    checkout = Checkout(tmp_path)
    checkout.fill()
    with bot_api.serve() as telegram:
        options = {"TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_API_URL": telegram, "WEBHOOK_URL": "https://bread.example/"}
        with checkout.served(**options) as address:
            assert "Запомнил" in str(await _say(address, bot_api, "Хлеб добавь триггер Привет=Медвед"))
            checkout.run(commands("backup commands"))  # while it works
            assert "Запомнил" in str(await _say(address, bot_api, "Хлеб добавь триггер Пока=Кедвед"))
        checkout.run(commands("restore commands"))  # over what is there
        checkout.wait_until_stopped()
        with checkout.served(**options) as address:
            assert await _say(address, bot_api, "Привет") == "Медвед"
            assert await _say(address, bot_api, "Хлеб покажи триггеры") == "Привет = [Медвед]"
        shutil.rmtree(checkout.database)
        checkout.run(commands("restore commands"))  # where nothing is left
        checkout.wait_until_stopped()
        with checkout.served(**options) as address:
            assert await _say(address, bot_api, "привет") == "Медвед"
    bot_api.assert_clean()


def _postgres(connection: Connection, *arguments: str, **options: str) -> subprocess.CompletedProcess[str]:
    told = {"DB_HOST": connection["host"], "DB_PORT": str(connection["port"]), "DB_NAME": connection["database"]}
    return subprocess.run(
        [sys.executable, "-m", "bread_bot", "postgres", *arguments],
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        env=environment(**told, DB_USER=connection["user"], DB_PASSWORD=connection["password"] or "", **options),
    )


def test_a_named_database_is_reached(database: Connection) -> None:
    done = _postgres(database, "psql", "--no-psqlrc", "-Atc", "SELECT current_database()")
    assert (done.stdout.strip(), done.returncode) == (database["database"], 0), done.stderr


def test_the_program_s_own_status_is_told(database: Connection) -> None:
    done = _postgres(database, "psql", "-c", "SELECT no_such_column")
    assert done.returncode == 1 and "no_such_column" in done.stderr


def test_a_program_that_does_not_exist(database: Connection) -> None:
    done = _postgres(database, "pg_bake")
    assert done.returncode == 1 and "'pg_bake'" in done.stderr


def test_pgbouncer_is_passed_by(database: Connection) -> None:
    """A dump through it would leave its search_path in a connection that the bot gets next."""
    done = _postgres(database, "pg_dump", DB_PGBOUNCER="true")
    assert done.returncode == 1 and "PgBouncer" in done.stderr and not done.stdout
