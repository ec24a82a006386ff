"""python -m bread_bot webhook set, show and delete."""

import time
from collections.abc import Iterator

import pytest

from bread_bot.bot.telegram import ALLOWED_UPDATES
from bread_bot.tests.command_line import Done, bread_bot, on_terminal
from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.fake import TOKEN, BotAPI

ADDRESS = "https://bread.example/"


@pytest.fixture
def telegram(bot_api: BotAPI) -> Iterator[dict[str, str]]:
    """The settings of a bot in another process, at this Telegram."""
    with bot_api.serve() as address:
        yield {"TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_API_URL": address, "WEBHOOK_URL": ADDRESS}


def _refused(done: Done, reason: str) -> None:
    assert done.status == 1 and not done.output
    assert reason in done.complaint and done.complaint.count("\n") == 1


async def test_set_as_the_server_does(database: object, bot_api: BotAPI, telegram: dict[str, str]) -> None:
    """The same address, kinds of updates and number at once, and the secret that the database keeps."""
    for _ in range(2):
        done = await bread_bot("webhook", "set", **telegram, WEBHOOK_MAX_CONNECTIONS="7")
        assert (done.status, done.complaint) == (0, "") and ADDRESS in done.output
    first, second = (call.params for call in bot_api.calls_of("setWebhook"))
    assert first == second
    assert (first["url"], first["allowed_updates"], first["max_connections"]) == (ADDRESS, list(ALLOWED_UPDATES), 7)
    assert len(first["secret_token"]) > 20 and first["secret_token"] not in done.output


async def test_show(database: object, bot_api: BotAPI, telegram: dict[str, str]) -> None:
    """What Telegram knows, for people and for machines, without what an address keeps secret."""
    done = await bread_bot("webhook", "show", **telegram)
    assert done.status == 0 and "no webhook is set" in done.output
    bot_api.world.webhook = {"url": "https://baker:geheim@bread.example/hook?key=geheim", "max_connections": 7}
    bot_api.deliver(updates.message("привет"))
    bot_api.world.webhook_error = int(time.time()) - 200, "Wrong response from the webhook: 502 Bad Gateway"
    done = await bread_bot("webhook", "show", **telegram)
    assert (done.status, done.complaint) == (0, "")
    for part in (
        "https://bread.example/hook\n",
        "Waiting updates  1\n",
        "502 Bad Gateway",
        "3 minutes ago",
        "At once, most    7\n",
    ):
        assert part in done.output
    machine = await bread_bot("webhook", "show", "--json", **telegram)
    assert machine.json["url"] == "https://bread.example/hook" and machine.json["pending_update_count"] == 1
    assert "geheim" not in done.output + machine.output


async def test_delete(database: object, bot_api: BotAPI, telegram: dict[str, str]) -> None:
    """What waits is kept, unless it shall be dropped."""
    await bread_bot("webhook", "set", **telegram)
    bot_api.deliver(updates.message("привет"))
    done = await bread_bot("webhook", "delete", "--yes", **telegram)
    assert (done.status, done.complaint) == (0, "")
    assert not bot_api.world.webhook and len(bot_api.world.queue) == 1
    await bread_bot("webhook", "delete", "--yes", "--drop-pending", **telegram)
    assert not bot_api.world.queue


async def test_delete_asks(database: object, bot_api: BotAPI, telegram: dict[str, str]) -> None:
    """Without a terminal --yes is needed; at one, "no" changes nothing."""
    await bread_bot("webhook", "set", **telegram)
    _refused(await bread_bot("webhook", "delete", **telegram), "--yes")
    status, shown = await on_terminal("n", "webhook", "delete", **telegram)
    assert status == 1 and f"set to {ADDRESS}; waiting updates: 0. Delete it? [y/N]" in shown
    assert bot_api.world.webhook
    assert (await on_terminal("y", "webhook", "delete", **telegram))[0] == 0
    assert not bot_api.world.webhook


async def test_without_an_address(database: object, telegram: dict[str, str]) -> None:
    """There is nothing to set."""
    _refused(await bread_bot("webhook", "set", **telegram | {"WEBHOOK_URL": ""}), "WEBHOOK_URL is not set")


@pytest.mark.parametrize("command", [("set",), ("show",), ("delete", "--yes")])
async def test_what_stands_in_the_way(
    database: object, bot_api: BotAPI, telegram: dict[str, str], command: tuple[str, ...]
) -> None:
    """No token, a wrong one, and no Telegram: one line each."""
    _refused(
        await bread_bot("webhook", *command, **telegram | {"TELEGRAM_BOT_TOKEN": ""}), "TELEGRAM_BOT_TOKEN is needed"
    )
    _refused(await bread_bot("webhook", *command, **telegram | {"TELEGRAM_BOT_TOKEN": "1:wrong"}), "Unauthorized")
    nobody = telegram | {"TELEGRAM_API_URL": "http://127.0.0.1:1"}
    _refused(await bread_bot("webhook", *command, **nobody), "ConnectError")


async def test_the_secret_needs_the_database(database: object, telegram: dict[str, str]) -> None:
    """Without it nothing is set."""
    _refused(await bread_bot("webhook", "set", **telegram, DB_HOST="127.0.0.1", DB_PORT="1"), "can't be used")
