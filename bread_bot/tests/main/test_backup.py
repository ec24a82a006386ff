"""A backup by README's commands, of the embedded database: dumped, destroyed, restored, and the bot answers."""

import re
import shutil
from pathlib import Path

import httpx
import pytest

from bread_bot.main.settings import BASE_DIR, Connection
from bread_bot.tests.checkout import SECRET, Checkout
from bread_bot.tests.command_line import bread_bot
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
    await bot_api.wait_for(said + 1, timeout=60)
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


async def test_a_named_database_is_reached(database: Connection) -> None:
    done = await bread_bot("postgres", "psql", "--no-psqlrc", "-Atc", "SELECT current_database()")
    assert (done.output.strip(), done.status) == (database["database"], 0), done.complaint


async def test_the_program_s_own_status_is_told(database: Connection) -> None:
    done = await bread_bot("postgres", "psql", "-c", "SELECT no_such_column")
    assert done.status == 1 and "no_such_column" in done.complaint


async def test_a_program_that_does_not_exist(database: Connection) -> None:
    done = await bread_bot("postgres", "pg_bake")
    assert done.status == 1 and "'pg_bake'" in done.complaint


async def test_pgbouncer_is_passed_by(database: Connection) -> None:
    """A dump through it would leave its search_path in a connection that the bot gets next."""
    done = await bread_bot("postgres", "pg_dump", DB_PGBOUNCER="true")
    assert done.status == 1 and "PgBouncer" in done.complaint and not done.output
