"""The sandbox's Bot API: it gives what the real one could give, and refuses what the real one refuses, in its words."""

import asyncio
from contextlib import suppress
from typing import Any

import httpx
import pytest

from bread_bot.bot.telegram import ALLOWED_UPDATES
from bread_bot.sandbox import bot_api
from bread_bot.sandbox.switch import SANDBOX_TOKEN, SANDBOX_URL
from bread_bot.sandbox.world import BOT, FORUM, GROUP, OWNER, SUPERGROUP
from bread_bot.tests.sandbox.conftest import ANNA, BORIS, Sandbox
from bread_bot.tests.telegram.schema import check_object

FACES = "👨‍👩‍👧‍👦"  # 11 UTF-16 units


# ---- what the bot asks


async def test_the_bot_is_known(sandbox: Sandbox) -> None:
    """getMe, the webhook that the bot has set, and its menu."""
    me = await sandbox.call("getMe")
    assert (me["id"], me["username"]) == (BOT["id"], "bread_sandbox_bot")
    info = await sandbox.call("getWebhookInfo")
    assert (info["url"], info["pending_update_count"]) == (SANDBOX_URL, 0)
    assert info["allowed_updates"] == list(ALLOWED_UPDATES)
    commands = await sandbox.call("getMyCommands")
    assert {"help", "who"} <= {one["command"] for one in commands}
    await sandbox.call("setMyCommands", commands=commands[:1], scope={"type": "all_private_chats"})
    assert await sandbox.call("getMyCommands", scope={"type": "all_private_chats"}) == commands[:1]
    assert await sandbox.call("getMyCommands") == commands
    await sandbox.call("deleteMyCommands")
    assert await sandbox.call("getMyCommands") == []


async def test_chats_and_members(sandbox: Sandbox) -> None:
    """What the bot may ask of a chat."""
    assert (await sandbox.call("getChat", chat_id=GROUP))["title"] == "Пекарня"
    assert await sandbox.call("getChatMemberCount", chat_id=str(GROUP)) == 6
    (owner,) = await sandbox.call("getChatAdministrators", chat_id=GROUP)
    assert (owner["status"], owner["user"]["id"]) == ("creator", OWNER)
    await sandbox.ask("POST", "members", chat_id=GROUP, user_id=BORIS, status="administrator")
    assert len(await sandbox.call("getChatAdministrators", chat_id=GROUP)) == 2
    await sandbox.ask("POST", "members", chat_id=GROUP, user_id=BORIS, status="left")
    assert (await sandbox.call("getChatMember", chat_id=GROUP, user_id=BORIS))["status"] == "left"
    assert await sandbox.refused("getChatMember", chat_id=GROUP, user_id=7) == (
        400,
        "Bad Request: invalid user_id specified",
    )
    assert await sandbox.refused("getChatAdministrators", chat_id=ANNA) == (
        400,
        "Bad Request: there are no administrators in the private chat",
    )


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("photo", {"caption": "Хлеб"}),
        ("voice", {}),
        ("sticker", {}),
        ("animation", {}),
        ("video", {}),
        ("video_note", {}),
        ("audio", {}),
        ("document", {"caption": "123"}),
    ],
)
async def test_media_go_up_and_come_down(sandbox: Sandbox, kind: str, more: dict[str, str]) -> None:
    """An uploaded file is sent, sent again by its id, and downloaded; a caption of digits stays a text."""
    method = "send" + "".join(word.capitalize() for word in kind.split("_"))
    response = await sandbox.client.post(
        f"/sandbox/api/bot{SANDBOX_TOKEN}/{method}",
        data={"chat_id": str(GROUP), **more},
        files={kind: ("bread.bin", b"the bytes", "image/png")},
    )
    message = response.json()["result"]
    assert check_object("Message", message) == []
    assert message.get("caption") == more.get("caption")
    medium = message[kind][-1] if kind == "photo" else message[kind]
    again = await sandbox.call(method, chat_id=GROUP, **{kind: medium["file_id"]})
    assert again[kind] == message[kind]
    file = await sandbox.call("getFile", file_id=medium["file_id"])
    assert (file["file_size"], file["file_path"].partition("/")[0]) == (9, f"{kind}s")
    got = await sandbox.client.get(f"/sandbox/api/file/bot{SANDBOX_TOKEN}/{file['file_path']}")
    assert got.content == b"the bytes"


async def test_dice_and_actions(sandbox: Sandbox) -> None:
    """A die shows a value that it has; the page is told that the bot types."""
    dice = (await sandbox.call("sendDice", chat_id=GROUP, emoji="🎰"))["dice"]
    assert dice["emoji"] == "🎰" and 1 <= dice["value"] <= 64
    assert (await sandbox.refused("sendDice", chat_id=GROUP, emoji="x"))[0] == 400
    assert await sandbox.call("sendChatAction", chat_id=FORUM, action="typing", message_thread_id=11)
    event = await sandbox.wait_for(lambda one: one["type"] == "action")
    assert (event["chat_id"], event["action"], event["message_thread_id"]) == (FORUM, "typing", 11)


async def test_a_call_may_come_by_its_address(sandbox: Sandbox) -> None:
    """As anybody tries a Bot API first: GET with a query."""
    address = f"/sandbox/api/bot{SANDBOX_TOKEN}/sendMessage"
    response = await sandbox.client.get(address, params={"chat_id": GROUP, "text": "12"})
    assert response.json()["result"]["text"] == "12"


# ---- refusals


_REFUSALS: list[tuple[int, str, str, dict[str, Any]]] = [
    (404, "Not Found: method not found", "sendBread", {}),
    (400, "Bad Request: chat_id is empty", "sendMessage", {"text": "x"}),
    (400, "Bad Request: chat not found", "sendMessage", {"chat_id": -5, "text": "x"}),
    (400, "Bad Request: chat not found", "sendMessage", {"chat_id": "@nobody", "text": "x"}),
    (400, "Bad Request: message text is empty", "sendMessage", {"chat_id": GROUP}),
    (400, "Bad Request: text must be non-empty", "sendMessage", {"chat_id": GROUP, "text": " \n"}),
    (400, "Bad Request: message is too long", "sendMessage", {"chat_id": GROUP, "text": "x" * 4097}),
    (400, "Bad Request: message is too long", "sendMessage", {"chat_id": GROUP, "text": FACES * 373}),
    (400, "Bad Request: message caption is too long", "sendPhoto", {"photo": "1", "caption": "x" * 1025}),
    (400, "Bad Request: wrong file identifier/HTTP URL specified", "sendPhoto", {"chat_id": GROUP, "photo": "77"}),
    (400, "Bad Request: wrong file identifier/HTTP URL specified", "sendPhoto", {"chat_id": GROUP, "photo": "AgA"}),
    (400, "Bad Request: there is no photo in the request", "sendPhoto", {"chat_id": GROUP}),
    (400, "Bad Request: failed to get HTTP URL content", "sendPhoto", {"chat_id": GROUP, "photo": "http://x/y"}),
    (
        400,
        "Bad Request: wrong file_id or the file is temporarily unavailable",
        "getFile",
        {"file_id": "77"},
    ),
    (400, "Bad Request: unsupported parse_mode", "sendMessage", {"text": "x", "parse_mode": "BBCode"}),
    (
        400,
        "Bad Request: message to be replied not found",
        "sendMessage",
        {"chat_id": GROUP, "text": "x", "reply_parameters": {"message_id": 77}},
    ),
    (
        400,
        "Bad Request: message thread not found",
        "sendMessage",
        {"chat_id": FORUM, "text": "x", "message_thread_id": 13},
    ),
    (
        400,
        "Bad Request: message thread not found",
        "sendMessage",
        {"chat_id": GROUP, "text": "x", "message_thread_id": 11},
    ),
    (
        400,
        "Bad Request: message to edit not found",
        "editMessageText",
        {"chat_id": GROUP, "message_id": 7, "text": "x"},
    ),
    (
        400,
        "Bad Request: message identifier is not specified",
        "editMessageText",
        {"chat_id": GROUP, "text": "x"},
    ),
    (400, "Bad Request: message to delete not found", "deleteMessage", {"chat_id": GROUP, "message_id": 7}),
    (400, "Bad Request: message to react not found", "setMessageReaction", {"chat_id": GROUP, "message_id": 7}),
    (
        400,
        "Bad Request: query is too old and response timeout expired or query ID is invalid",
        "answerCallbackQuery",
        {"callback_query_id": "7"},
    ),
    (400, "Bad Request: invalid message_id specified", "deleteMessage", {"chat_id": GROUP, "message_id": "x"}),
    (
        400,
        "Bad Request: bad webhook: An HTTPS URL must be provided for webhook",
        "setWebhook",
        {"url": "http://bread.example"},
    ),
    (
        400,
        "Bad Request: secret token contains unallowed characters",
        "setWebhook",
        {"url": "https://bread.example", "secret_token": "a b"},
    ),
    (400, "Bad Request: BOT_COMMAND_INVALID", "setMyCommands", {"commands": [{"command": "Кто"}]}),
    (400, "Bad Request: can't parse commands: array expected", "setMyCommands", {"commands": "{}"}),
]


async def test_refusals(sandbox: Sandbox) -> None:
    """What Telegram does not take, in its own words."""
    for status, description, method, parameters in _REFUSALS:
        refusal = await sandbox.refused(method, **parameters)
        assert refusal == (status, description), (method, parameters)


async def test_the_longest_text_goes(sandbox: Sandbox) -> None:
    """4096 UTF-16 units are taken."""
    text = FACES * 372 + "1234"
    assert (await sandbox.call("sendMessage", chat_id=GROUP, text=text))["text"] == text


async def test_somebody_elses_token(sandbox: Sandbox) -> None:
    """Neither calls nor files are for others."""
    for path in ("bot1000:another/getMe", "file/bot1000:another/photos/file_1.png"):
        response = await sandbox.client.get(f"/sandbox/api/{path}")
        assert (response.status_code, response.json()["description"]) == (401, "Unauthorized")
    response = await sandbox.client.get(f"/sandbox/api/file/bot{SANDBOX_TOKEN}/photos/file_77.png")
    assert (response.status_code, response.json()["description"]) == (404, "Not Found")


@pytest.mark.parametrize(
    ("button", "description"),
    [
        ({"text": "x", "callback_data": "я" * 33}, "BUTTON_DATA_INVALID"),
        ({"text": "x", "callback_data": ""}, "BUTTON_DATA_INVALID"),
        ({"text": "x"}, "text buttons are unallowed in the inline keyboard"),
        ({"callback_data": "x"}, "can't parse inline keyboard button: Can't find field \"text\""),
    ],
)
async def test_wrong_buttons(sandbox: Sandbox, button: dict[str, str], description: str) -> None:
    """Data of 64 bytes is taken, all else is not."""
    fitting = {"inline_keyboard": [[{"text": "x", "callback_data": "я" * 32}]]}
    await sandbox.call("sendMessage", chat_id=GROUP, text="x", reply_markup=fitting)
    markup = {"inline_keyboard": [[button]]}
    refusal = await sandbox.refused("sendMessage", chat_id=GROUP, text="x", reply_markup=markup)
    assert refusal == (400, f"Bad Request: {description}")


async def test_edits(sandbox: Sandbox) -> None:
    """The bot changes its own messages, and only if something changes."""
    own = await sandbox.call("sendMessage", chat_id=GROUP, text="раз")
    where = {"chat_id": GROUP, "message_id": own["message_id"]}
    edited = await sandbox.call("editMessageText", **where, text="два")
    assert edited["text"] == "два" and "edit_date" in edited
    status, description = await sandbox.refused("editMessageText", **where, text="два")
    assert status == 400 and description.startswith("Bad Request: message is not modified: ")
    assert await sandbox.refused("editMessageCaption", **where, caption="два") == (
        400,
        "Bad Request: there is no caption in the message to edit",
    )
    keyboard = {"inline_keyboard": [[{"text": "x", "callback_data": "x"}]]}
    assert (await sandbox.call("editMessageReplyMarkup", **where, reply_markup=keyboard))["reply_markup"] == keyboard
    assert "reply_markup" not in await sandbox.call("editMessageReplyMarkup", **where)
    said = await sandbox.say("чужое")
    other = {"chat_id": GROUP, "message_id": said["message_id"]}
    assert await sandbox.refused("editMessageText", **other, text="моё") == (
        400,
        "Bad Request: message can't be edited",
    )


async def test_deletions(sandbox: Sandbox) -> None:
    """The bot deletes its own messages, those of others only as an administrator, and none twice."""
    own = await sandbox.call("sendMessage", chat_id=GROUP, text="раз")
    assert await sandbox.call("deleteMessage", chat_id=GROUP, message_id=own["message_id"]) is True
    assert await sandbox.refused("deleteMessage", chat_id=GROUP, message_id=own["message_id"]) == (
        400,
        "Bad Request: message to delete not found",
    )
    said = await sandbox.say("чужое")
    assert await sandbox.refused("deleteMessage", chat_id=GROUP, message_id=said["message_id"]) == (
        400,
        "Bad Request: message can't be deleted",
    )
    await sandbox.ask("POST", "members", chat_id=GROUP, user_id=BOT["id"], status="administrator")
    assert await sandbox.call("deleteMessage", chat_id=GROUP, message_id=said["message_id"]) is True


async def test_a_deleted_message_is_answered_only_if_told_so(sandbox: Sandbox) -> None:
    """allow_sending_without_reply."""
    said = await sandbox.say("вопрос")
    await sandbox.ask("POST", "deletions", chat_id=GROUP, message_id=said["message_id"])
    reply = {"message_id": said["message_id"]}
    refusal = await sandbox.refused("sendMessage", chat_id=GROUP, text="x", reply_parameters=reply)
    assert refusal == (400, "Bad Request: message to be replied not found")
    reply["allow_sending_without_reply"] = True
    answer = await sandbox.call("sendMessage", chat_id=GROUP, text="x", reply_parameters=reply)
    assert "reply_to_message" not in answer


async def test_a_file_of_another_kind(sandbox: Sandbox) -> None:
    """A document is no photo."""
    file_id = (await _upload(sandbox, "document", b"x"))["file_id"]
    refusal = await sandbox.refused("sendPhoto", chat_id=GROUP, photo=file_id)
    assert refusal == (400, "Bad Request: can't use file of type Document as Photo")


async def test_closed_doors(sandbox: Sandbox) -> None:
    """Blocked by a person, kicked from a group, gone by itself; and back again."""
    for chat_id, reason in ((ANNA, "blocked by the user"), (GROUP, "kicked from the group chat")):
        await sandbox.ask("POST", "members", chat_id=chat_id, user_id=BOT["id"], status="left")
        refusal = await sandbox.refused("sendMessage", chat_id=chat_id, text="x")
        assert refusal == (403, f"Forbidden: bot was {reason}")
        await sandbox.ask("POST", "members", chat_id=chat_id, user_id=BOT["id"], status="member")
        await sandbox.call("sendMessage", chat_id=chat_id, text="x")
    await sandbox.call("leaveChat", chat_id=FORUM)
    refusal = await sandbox.refused("sendMessage", chat_id=FORUM, text="x")
    assert refusal == (403, "Forbidden: bot is not a member of the supergroup chat")


async def test_an_upgraded_group(sandbox: Sandbox) -> None:
    """The old number tells the new one."""
    own = await sandbox.call("sendMessage", chat_id=GROUP, text="раз")
    await sandbox.ask("POST", "upgrade")
    answer = (await sandbox.raw_call("sendMessage", chat_id=GROUP, text="x")).json()
    assert answer["description"] == "Bad Request: group chat was upgraded to a supergroup chat"
    assert answer["parameters"] == {"migrate_to_chat_id": SUPERGROUP}
    edited = await sandbox.call("editMessageText", chat_id=SUPERGROUP, message_id=own["message_id"], text="два")
    assert edited["chat"]["id"] == SUPERGROUP


async def test_a_closed_topic(sandbox: Sandbox) -> None:
    """Only administrators write there, until it is opened again."""
    topic = {"chat_id": FORUM, "message_thread_id": 11}
    sent = await sandbox.call("sendMessage", **topic, text="x")
    assert (sent["message_thread_id"], sent["is_topic_message"]) == (11, True)
    await sandbox.ask("POST", "topics", chat_id=FORUM, thread_id=11, is_closed=True)
    assert await sandbox.refused("sendMessage", **topic, text="x") == (400, "Bad Request: TOPIC_CLOSED")
    await sandbox.ask("POST", "messages", 400, chat_id=FORUM, user_id=BORIS, text="x", thread_id=11)
    await sandbox.ask("POST", "members", chat_id=FORUM, user_id=BOT["id"], status="administrator")
    await sandbox.call("sendMessage", **topic, text="x")
    await sandbox.ask("POST", "members", chat_id=FORUM, user_id=BOT["id"], status="member")
    await sandbox.ask("POST", "topics", chat_id=FORUM, thread_id=11, is_closed=False)
    await sandbox.call("sendMessage", **topic, text="x")


async def test_a_press_is_answered_once(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """And in time; a toast of more than 200 units is none."""
    keyboard = {"inline_keyboard": [[{"text": "x", "callback_data": "nothing of the bot's"}]]}
    sent = await sandbox.call("sendMessage", chat_id=GROUP, text="x", reply_markup=keyboard)
    where = {"chat_id": GROUP, "message_id": sent["message_id"], "user_id": BORIS}
    await sandbox.ask("POST", "presses", 400, **where, data="no such button")

    async def press() -> str:
        before = len([event for event in await sandbox.events() if event["type"] == "update"])
        await sandbox.ask("POST", "presses", **where, data="nothing of the bot's")
        updates = [event["update"] for event in await sandbox.events() if event["type"] == "update"]
        assert check_object("Update", updates[before]) == []
        return str(updates[before]["callback_query"]["id"])

    too_old = "Bad Request: query is too old and response timeout expired or query ID is invalid"
    await sandbox.ask("PUT", "mode", mode="500")  # so that the bot itself can't answer
    query_id = await press()
    monkeypatch.setattr(bot_api, "_PRESS_SECONDS", 0)
    await sandbox.ask("PUT", "mode", mode="normal")
    assert await sandbox.refused("answerCallbackQuery", callback_query_id=query_id) == (400, too_old)
    monkeypatch.undo()


async def test_rights_of_a_toast(sandbox: Sandbox) -> None:
    """It is shown once."""
    sandbox.app.state.sandbox.tell(callback_query={"id": "one", "from": BOT, "chat_instance": "1", "data": "x"})
    assert await sandbox.refused("answerCallbackQuery", callback_query_id="one", text="x" * 201) == (
        400,
        "Bad Request: MESSAGE_TOO_LONG",
    )
    assert await sandbox.call("answerCallbackQuery", callback_query_id="one", text="Готово") is True
    assert (await sandbox.wait_for(lambda event: event["type"] == "toast"))["text"] == "Готово"
    assert (await sandbox.refused("answerCallbackQuery", callback_query_id="one"))[0] == 400


async def test_reactions(sandbox: Sandbox) -> None:
    """One emoji a bot, shown at the page."""
    said = await sandbox.say("вопрос")
    where = {"chat_id": GROUP, "message_id": said["message_id"]}
    heart = {"type": "emoji", "emoji": "❤"}
    assert await sandbox.call("setMessageReaction", **where, reaction=[heart]) is True
    event = await sandbox.wait_for(lambda one: one["type"] == "reaction")
    assert (event["user_id"], event["emoji"]) == (BOT["id"], ["❤"])
    for reaction, word in (([heart, heart], "REACTIONS_TOO_MANY"), ([{"type": "emoji"}], "REACTION_INVALID")):
        assert await sandbox.refused("setMessageReaction", **where, reaction=reaction) == (400, f"Bad Request: {word}")


async def test_it_fails_when_told_to(sandbox: Sandbox) -> None:
    """429 with its seconds, 500, and no answer until it works again."""
    await sandbox.ask("PUT", "mode", mode="429")
    answer = (await sandbox.raw_call("sendMessage", chat_id=GROUP, text="x")).json()
    assert answer == {
        "ok": False,
        "error_code": 429,
        "description": "Too Many Requests: retry after 3",
        "parameters": {"retry_after": 3},
    }
    await sandbox.ask("PUT", "mode", mode="500")
    assert await sandbox.refused("getMe") == (500, "Internal Server Error")
    await sandbox.ask("PUT", "mode", mode="nothing")
    hanging = asyncio.create_task(sandbox.raw_call("getMe"))
    assert (await asyncio.wait([hanging], timeout=0.3))[0] == set()
    await sandbox.ask("PUT", "mode", mode="normal")
    assert (await hanging).status_code == 504
    assert (await sandbox.call("getMe"))["id"] == BOT["id"]


async def test_bodies_that_are_no_parameters(sandbox: Sandbox) -> None:
    """Broken JSON is told so."""
    address = f"/sandbox/api/bot{SANDBOX_TOKEN}/sendMessage"
    for body in (b"{", b"[]"):
        response = await sandbox.client.post(address, content=body, headers={"content-type": "application/json"})
        assert (response.status_code, response.json()["ok"]) == (400, False)


# ---- sizes


async def _upload(sandbox: Sandbox, kind: str, content: bytes, status: int = 201) -> Any:
    response = await sandbox.client.post("/sandbox/files", params={"kind": kind, "name": "x"}, content=content)
    assert response.status_code == status, response.text
    return response.json()


async def test_sizes_of_files(sandbox: Sandbox) -> None:
    """20 MB from the disk, 10 MB for a photo; all else keeps to BODY_LIMIT."""
    largest = bytes(20 * 2**20)
    file_id = (await _upload(sandbox, "document", largest))["file_id"]
    assert (await sandbox.client.get(f"/sandbox/files/{file_id}")).content == largest
    error = await _upload(sandbox, "document", largest + b"x", 413)
    assert (error["code"], error["detail"]) == ("too_long", "Such a file may have 20 MB at most")
    error = await _upload(sandbox, "photo", bytes(10 * 2**20 + 1), 413)
    assert error["detail"] == "Such a file may have 10 MB at most"
    assert (await _upload(sandbox, "photo", b"", 400))["detail"] == "Bad Request: file must be non-empty"
    transport = httpx.ASGITransport(sandbox.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
        for path in ("/sandbox/messages", "/sandbox/reset", "/"):
            assert (await client.post(path, content=bytes(2**20 + 1))).status_code == 413


async def test_a_file_without_an_end(sandbox: Sandbox) -> None:
    """It is cut off some day, although its length is not told."""
    heard = 0

    async def parts() -> Any:
        nonlocal heard
        for _ in range(1000):
            heard += 2**20
            yield bytes(2**20)

    with suppress(httpx.TransportError):  # cut off while it is being sent
        query = {"kind": "document", "name": "x"}
        response = await sandbox.client.post("/sandbox/files", params=query, content=parts())
        assert response.status_code == 413
    assert heard < 300 * 2**20


async def test_a_large_upload_of_the_bot(sandbox: Sandbox) -> None:
    """Telegram takes 50 MB of a bot, and gives it 20 MB."""
    response = await sandbox.client.post(
        f"/sandbox/api/bot{SANDBOX_TOKEN}/sendDocument",
        data={"chat_id": str(GROUP)},
        files={"document": ("pack.zip", bytes(20 * 2**20 + 1), "application/zip")},
    )
    file_id = response.json()["result"]["document"]["file_id"]
    assert await sandbox.refused("getFile", file_id=file_id) == (400, "Bad Request: file is too big")
