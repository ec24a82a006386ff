"""The fake Bot API does what Telegram does, keeps what it is asked for, finds mistakes, and fails when told to."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.fake import DOWNLOAD, FAILURES, TOKEN, BotAPI, Call
from bread_bot.tests.telegram.schema import Json, Upload, api, check_result, smallest_fields
from bread_bot.tests.telegram.updates import chats, message, message_of, people
from bread_bot.tests.telegram.world import FILE_KINDS, MOST_DOWNLOADED, MOST_OF_A_PHOTO, dice_sides

GROUP = chats.supergroup.id
HELLO: Json = {"chat_id": GROUP, "text": "привет"}


class Bot:
    """Somebody who calls the Bot API."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def call(self, method: str, params: Json | None = None, **options: Any) -> Json:
        """A call; the whole answer, with the HTTP status as `status`."""
        given = options or {"json": params or {}}
        response = await self.client.post(f"/bot{TOKEN}/{method}", **given)
        answer: Json = response.json()
        assert answer["ok"] == (response.status_code == 200)
        assert answer.get("error_code", 200) == response.status_code
        return answer | {"status": response.status_code}

    async def result(self, method: str, params: Json | None = None, **options: Any) -> Any:
        """A call that succeeds; its result, which must be what the method returns."""
        answer = await self.call(method, params, **options)
        assert answer["ok"], answer
        assert check_result(method, answer["result"]) == []
        return answer["result"]

    async def refusal(self, method: str, params: Json | None = None) -> str:
        """A call that fails; the description."""
        return str((await self.call(method, params))["description"])


@pytest.fixture
def telegram() -> BotAPI:
    return BotAPI()


@pytest.fixture
async def bot(telegram: BotAPI) -> AsyncIterator[Bot]:
    async with httpx.AsyncClient(transport=telegram.transport(), base_url=telegram.address, timeout=10) as client:
        yield Bot(client)


@pytest.fixture
def address(telegram: BotAPI) -> Iterator[str]:
    with telegram.serve() as address:
        yield address


@pytest.fixture
async def distant_bot(address: str) -> AsyncIterator[Bot]:
    async with httpx.AsyncClient(base_url=address, timeout=10) as client:
        yield Bot(client)


# ---- calls


@pytest.mark.parametrize("method", api().methods)
async def test_every_method_has_a_result_of_its_type(method: str, telegram: BotAPI, bot: Bot) -> None:
    telegram.note(heard := message("привет", chat=chats.supergroup))
    params = smallest_fields(api().methods[method]) | ({"url": "https://a.b/"} if method == "setWebhook" else {})
    if "chat_id" in params:
        params["chat_id"] = GROUP
    if "file_id" in params:
        telegram.world.add_file(params["file_id"], b"x")
    if method == "deleteMessage":
        params["message_id"] = message_of(heard)["message_id"]
    if method == "getChatMember":
        params["user_id"] = people.anna.id
    if method.startswith(("editMessage", "stopMessage")):
        sent = await bot.result("sendMessage", HELLO)
        params |= {"message_id": sent["message_id"], "reply_markup": {"inline_keyboard": []}}
    files = {name: (one.name, one.content) for name, one in params.items() if isinstance(one, Upload)}
    if files:
        form = {name: value if isinstance(value, str) else json.dumps(value)
                for name, value in params.items() if name not in files}
        await bot.result(method, data=form, files=files)
    else:
        await bot.result(method, params)
    telegram.assert_clean()


async def test_calls_come_as_json_as_form_as_query_and_with_files(telegram: BotAPI, bot: Bot) -> None:
    await bot.result("sendMessage", HELLO)
    form = {name: str(value) for name, value in HELLO.items()}
    await bot.result("sendMessage", data=form | {"reply_parameters": '{"message_id": 1}'})
    await bot.client.get(f"/bot{TOKEN}/sendMessage", params=form)
    await bot.result("sendPhoto", data={"chat_id": str(GROUP), "caption": "Вот"}, files={"photo": ("a.png", b"png")})
    assert [call.params["chat_id"] for call in telegram.calls] == [GROUP] * 4
    assert telegram.sent[1].reply_to == 1
    assert telegram.sent[3].value == Upload("a.png", b"png", "image/png")
    telegram.assert_clean()


@pytest.mark.parametrize(("path", "options"), [
    (f"/bot{TOKEN}/sendMessage", {"json": {"text": "x"}}),
    (f"/bot{TOKEN}/sendMessage", {"json": [1]}),
    (f"/bot{TOKEN}/sendMessage", {"content": b"{", "headers": {"content-type": "application/json"}}),
    (f"/bot{TOKEN}/sendMessage", {"content": b"x", "headers": {"content-type": "text/plain"}}),
    (f"/bot{TOKEN}/sendMessage", {"data": {"chat_id": "5", "text": "x", "entities": "bold"}}),
    (f"/bot{TOKEN}/sendMessage", {"data": {"chat_id": "5", "text": "x"}, "files": {"photo": b"png"}}),
    (f"/bot{TOKEN}/sendText", {"json": {}}),
    ("/getMe", {"json": {}}),
])
async def test_a_wrong_call_is_refused_and_fails_the_test(
    path: str, options: Any, telegram: BotAPI, bot: Bot
) -> None:
    response = await bot.client.post(path, **options)
    assert response.status_code in (400, 404)
    assert not telegram.sent
    with pytest.raises(AssertionError, match="called wrongly"):
        telegram.assert_clean()


async def test_a_wrong_token_is_unauthorized(telegram: BotAPI, bot: Bot) -> None:
    response = await bot.client.post("/bot1:x/getMe")
    assert (response.status_code, response.json()["description"]) == (401, "Unauthorized")


async def test_there_is_no_other_host(bot: Bot, telegram: BotAPI) -> None:
    with pytest.raises(httpx.ConnectError):
        await bot.client.get("https://example.com/")
    elsewhere = httpx.MockTransport(lambda request: httpx.Response(200, text=request.url.host))
    async with httpx.AsyncClient(transport=telegram.transport(elsewhere)) as client:
        assert (await client.get("https://example.com/")).text == "example.com"


# ---- messages


async def test_what_was_sent_is_kept(telegram: BotAPI, bot: Bot) -> None:
    asked = message("кто?", chat=chats.forum, thread=7)
    telegram.note(asked)
    buttons = {"inline_keyboard": [[{"text": "a", "callback_data": "1"}], [{"text": "b", "callback_data": "2"}]]}
    reply = {"message_id": message_of(asked)["message_id"]}
    params = {"chat_id": chats.forum.id, "text": "я", "message_thread_id": 7, "reply_parameters": reply}
    sent = await bot.result("sendMessage", params | {"reply_markup": buttons})
    (one,) = telegram.sent_to(chats.forum.id)
    assert (one.text, one.kind, one.value, one.thread) == ("я", "text", "я", 7)
    assert one.reply_to == message_of(asked)["message_id"]
    assert [button["text"] for button in one.buttons] == ["a", "b"]
    assert sent["reply_to_message"]["text"] == "кто?"
    assert (sent["message_thread_id"], sent["from"]["id"]) == (7, telegram.me["id"])
    assert one.message_id == sent["message_id"] > message_of(asked)["message_id"]
    assert (await bot.result("sendMessage", params))["message_id"] == sent["message_id"] + 1


@pytest.mark.parametrize("kind", FILE_KINDS)
async def test_files_are_sent_by_id_and_by_upload(kind: str, telegram: BotAPI, bot: Bot) -> None:
    method = "send" + "".join(word.capitalize() for word in kind.split("_"))
    known: dict[str, Any] = {kind: "known"}
    telegram.note(message(**known))
    echoed = await bot.result(method, {"chat_id": GROUP, kind: "known"})
    uploaded = await bot.result(method, data={"chat_id": str(GROUP)}, files={kind: ("a", b"bytes")})
    echoed, uploaded = (one[kind][-1] if kind == "photo" else one[kind] for one in (echoed, uploaded))
    assert echoed["file_id"] == "known"
    assert [one.kind for one in telegram.sent] == [kind, kind]
    found = await bot.result("getFile", {"file_id": uploaded["file_id"]})
    response = await bot.client.get(f"/file/bot{TOKEN}/{found['file_path']}")
    assert response.content == b"bytes"
    telegram.fail(DOWNLOAD, status=500)
    assert (await bot.client.get(f"/file/bot{TOKEN}/{found['file_path']}")).status_code == 500


async def test_a_file_is_not_sent_as_another_kind(telegram: BotAPI, bot: Bot) -> None:
    telegram.note(message(voice="a-voice"))
    assert "can't use file" in await bot.refusal("sendPhoto", {"chat_id": GROUP, "photo": "a-voice"})
    assert telegram.deviations


async def test_a_file_that_telegram_does_not_know_is_not_to_be_had(bot: Bot) -> None:
    assert "wrong file_id" in await bot.refusal("getFile", {"file_id": "x"})
    assert (await bot.client.get(f"/file/bot{TOKEN}/photos/file_0.jpg")).status_code == 404


async def test_files_have_a_largest_and_a_smallest_size(telegram: BotAPI, bot: Bot) -> None:
    telegram.world.add_file("huge", bytes(MOST_DOWNLOADED + 1))
    assert "too big" in await bot.refusal("getFile", {"file_id": "huge"})
    for content, status in ((b"", 400), (bytes(MOST_OF_A_PHOTO + 1), 413), (b"a photo", 200)):
        files = {"photo": ("a.jpg", content)}
        assert (await bot.call("sendPhoto", data={"chat_id": str(GROUP)}, files=files))["status"] == status


async def test_dice_fall_within_their_sides(telegram: BotAPI, bot: Bot) -> None:
    assert dice_sides() == {"🎲": 6, "🎯": 6, "🎳": 6, "🏀": 5, "⚽": 5, "🎰": 64}
    for emoji, sides in dice_sides().items():
        assert 1 <= (await bot.result("sendDice", {"chat_id": GROUP, "emoji": emoji}))["dice"]["value"] <= sides
    telegram.world.dice = iter([3])
    assert (await bot.result("sendDice", {"chat_id": GROUP}))["dice"] == {"emoji": "🎲", "value": 3}


async def test_a_message_is_edited_once_for_a_change(telegram: BotAPI, bot: Bot) -> None:
    sent = await bot.result("sendMessage", HELLO)
    about = {"chat_id": GROUP, "message_id": sent["message_id"]}
    await bot.result("editMessageText", about | {"text": "пока"})
    assert (telegram.sent[0].text, telegram.sent[0].message["text"]) == ("привет", "пока")
    assert [one.text for one in telegram.edited] == ["пока"]
    assert "is not modified" in await bot.refusal("editMessageText", about | {"text": "пока"})
    assert "to edit not found" in await bot.refusal("editMessageText", about | {"message_id": 1, "text": "x"})
    telegram.assert_clean()
    telegram.note(foreign := message("чужое"))
    others = message_of(foreign)["message_id"]
    assert "can't be edited" in await bot.refusal("editMessageText", about | {"message_id": others, "text": "x"})
    assert telegram.deviations


async def test_a_reply_to_a_deleted_message_goes_out_only_if_that_is_allowed(telegram: BotAPI, bot: Bot) -> None:
    telegram.note(asked := message("кто?"))
    number = message_of(asked)["message_id"]
    assert await bot.result("deleteMessage", {"chat_id": GROUP, "message_id": number})
    assert "replied not found" in await bot.refusal("sendMessage", HELLO | {"reply_parameters": {"message_id": number}})
    reply = {"message_id": number, "allow_sending_without_reply": True}
    assert "reply_to_message" not in await bot.result("sendMessage", HELLO | {"reply_parameters": reply})
    for gone in (number, number + 1):
        assert "delete not found" in await bot.refusal("deleteMessage", {"chat_id": GROUP, "message_id": gone})


async def test_topics_are_only_in_forums(telegram: BotAPI, bot: Bot) -> None:
    telegram.note(message("раз", chat=chats.forum, thread=7))
    await bot.result("sendMessage", {"chat_id": chats.forum.id, "text": "x", "message_thread_id": 7})
    telegram.world.gone_threads.add((chats.forum.id, 7))
    params = {"chat_id": chats.forum.id, "text": "x", "message_thread_id": 7}
    assert "thread not found" in await bot.refusal("sendMessage", params)
    telegram.assert_clean()
    telegram.note(message("раз"))
    assert "thread not found" in await bot.refusal("sendMessage", HELLO | {"message_thread_id": 7})
    assert telegram.deviations


async def test_a_press_is_answered_once(telegram: BotAPI, bot: Bot) -> None:
    press = updates.callback_query("1", message=message("кнопки"))
    telegram.note(press)
    params = {"callback_query_id": press["callback_query"]["id"], "text": "готово"}
    assert await bot.result("answerCallbackQuery", params)
    assert telegram.toasts == ["готово"]
    assert "query is too old" in await bot.refusal("answerCallbackQuery", params)


# ---- chats and their members


async def test_members_are_those_who_were_seen_and_those_who_are_set(telegram: BotAPI, bot: Bot) -> None:
    telegram.note(message("привет", sender=people.anna))
    telegram.note(message(new_chat_members=[people.boris]))
    telegram.note(updates.chat_member(people.vera, "left", "member"))
    telegram.world.set_member(GROUP, people.gleb.json, "administrator", can_be_edited=False)

    async def status(user_id: int, chat_id: int = GROUP) -> str:
        member = await bot.result("getChatMember", {"chat_id": chat_id, "user_id": user_id})
        return str(member["status"])

    seen = [people.anna, people.boris, people.vera, people.gleb]
    assert [await status(one.id) for one in seen] == ["member", "member", "left", "administrator"]
    assert await status(people.anna.id, chats.group.id) == "left"
    assert await status(telegram.me["id"]) == "member"
    assert "user not found" in await bot.refusal("getChatMember", {"chat_id": GROUP, "user_id": 404})
    telegram.note(message(left_chat_member=people.anna))
    assert await status(people.anna.id) == "left"


async def test_administrators(telegram: BotAPI, bot: Bot) -> None:
    telegram.world.set_member(GROUP, people.anna.json, "creator")
    telegram.world.set_member(GROUP, people.gleb.json, "administrator")
    telegram.world.set_member(GROUP, people.other_bot.json, "administrator")
    telegram.world.set_member(GROUP, people.vera.json)
    found = await bot.result("getChatAdministrators", {"chat_id": GROUP})
    assert [one["user"]["id"] for one in found] == [people.anna.id, people.gleb.id]
    telegram.note(message("привет", chat=chats.private))
    assert "no administrators" in await bot.refusal("getChatAdministrators", {"chat_id": chats.private.id})


async def test_a_chat_that_the_bot_has_lost(telegram: BotAPI, bot: Bot) -> None:
    telegram.note(updates.my_chat_member("kicked", "member", bot=telegram.me))
    assert await bot.refusal("sendMessage", HELLO) == "Forbidden: bot was kicked from the supergroup chat"
    telegram.note(updates.my_chat_member("member", bot=telegram.me))
    await bot.result("sendMessage", HELLO)
    telegram.note(updates.my_chat_member("kicked", "member", bot=telegram.me, chat=chats.private))
    private = HELLO | {"chat_id": chats.private.id}
    assert await bot.refusal("sendMessage", private) == "Forbidden: bot was blocked by the user"
    silent = {"status": "restricted", "can_send_messages": False, "is_member": True}
    telegram.note(updates.my_chat_member(silent, "member", bot=telegram.me))
    assert "not enough rights" in await bot.refusal("sendMessage", HELLO)
    await bot.result("leaveChat", {"chat_id": chats.group.id})
    assert "not a member" in await bot.refusal("sendMessage", HELLO | {"chat_id": chats.group.id})
    telegram.note(message("вернулся", chat=chats.group))
    await bot.result("sendMessage", HELLO | {"chat_id": chats.group.id})


async def test_a_group_that_has_become_a_supergroup(telegram: BotAPI, bot: Bot) -> None:
    for update in updates.migration(chats.group, chats.supergroup):
        telegram.note(update)
    answer = await bot.call("sendMessage", HELLO | {"chat_id": chats.group.id})
    assert answer["parameters"] == {"migrate_to_chat_id": chats.supergroup.id}
    assert answer["description"] == "Bad Request: group chat was upgraded to a supergroup chat"
    await bot.result("sendMessage", HELLO)


async def test_a_chat_is_found_by_its_name(telegram: BotAPI, bot: Bot) -> None:
    telegram.note(updates.channel_post("новость"))
    sent = await bot.result("sendMessage", HELLO | {"chat_id": "@hleb_news"})
    assert sent["chat"]["id"] == chats.channel.id
    assert await bot.refusal("sendMessage", HELLO | {"chat_id": "@nobody"}) == "Bad Request: chat not found"


# ---- the bot itself


async def test_who_the_bot_is(bot: Bot) -> None:
    me = await bot.result("getMe")
    assert (me["id"], me["is_bot"], me["can_read_all_group_messages"]) == (int(TOKEN.partition(":")[0]), True, True)


async def test_the_webhook_and_its_secret(telegram: BotAPI, bot: Bot) -> None:
    assert (await bot.result("getWebhookInfo"))["url"] == ""
    params = {"url": "https://a.b/", "secret_token": "s", "max_connections": 3, "allowed_updates": ["message"]}
    await bot.result("setWebhook", params)
    info = await bot.result("getWebhookInfo")
    assert (info["url"], info["max_connections"], info["allowed_updates"]) == ("https://a.b/", 3, ["message"])
    assert telegram.webhook_headers == {"X-Telegram-Bot-Api-Secret-Token": "s"}
    assert "webhook is active" in await bot.refusal("getUpdates")
    await bot.result("deleteWebhook")
    assert telegram.webhook_headers == {}
    assert await bot.result("getUpdates") == []


async def test_commands_are_kept_by_scope_and_language(bot: Bot) -> None:
    commands = [{"command": "who", "description": "кто"}]
    await bot.result("setMyCommands", {"commands": commands})
    assert await bot.result("getMyCommands") == commands
    assert await bot.result("getMyCommands", {"language_code": "en"}) == []
    await bot.result("deleteMyCommands")
    assert await bot.result("getMyCommands") == []


# ---- polling


async def test_updates_wait_until_they_are_confirmed(telegram: BotAPI, bot: Bot) -> None:
    first, second = message("раз"), message("два")
    telegram.deliver(first, second)
    assert await bot.result("getUpdates") == await bot.result("getUpdates") == [first, second]
    assert await bot.result("getUpdates", {"limit": 1}) == [first]
    assert await bot.result("getUpdates", {"offset": second["update_id"]}) == [second]
    assert await bot.result("getUpdates", {"offset": second["update_id"] + 1}) == []
    assert await bot.result("getUpdates", {"offset": first["update_id"]}) == []


async def test_a_long_poll_ends_with_the_first_update(telegram: BotAPI, bot: Bot) -> None:
    poll = asyncio.create_task(bot.result("getUpdates", {"timeout": 8}))
    await telegram.wait_for(lambda one: one.calls_of("getUpdates"))
    telegram.deliver(update := message("раз"))
    assert await asyncio.wait_for(poll, 5) == [update]


async def test_two_pollers_are_one_too_many(telegram: BotAPI, bot: Bot) -> None:
    first = asyncio.create_task(bot.call("getUpdates", {"timeout": 8}))
    await telegram.wait_for(lambda one: one.calls_of("getUpdates"))
    second = asyncio.create_task(bot.result("getUpdates", {"timeout": 8}))
    answer = await asyncio.wait_for(first, 5)
    assert (answer["status"], "terminated by other getUpdates" in answer["description"]) == (409, True)
    telegram.deliver(update := message("раз"))
    assert await asyncio.wait_for(second, 5) == [update]


async def test_only_updates_that_were_asked_for_come(telegram: BotAPI, bot: Bot) -> None:
    joined = updates.chat_member(people.vera)
    telegram.deliver(joined)
    assert await bot.result("getUpdates") == []
    await bot.result("getUpdates", {"allowed_updates": ["chat_member"]})
    telegram.deliver(message("раз"), joined)
    assert await bot.result("getUpdates") == [joined]


# ---- failures


async def test_a_failure_is_of_so_many_calls_to_one_method_about_one_chat(telegram: BotAPI, bot: Bot) -> None:
    failure = telegram.fail("sendMessage", status=429, retry_after=3, times=2, chat_id=GROUP)
    assert (await bot.call("sendMessage", HELLO | {"chat_id": 5}))["ok"]
    assert (await bot.call("sendVoice", {"chat_id": GROUP, "voice": "a"}))["ok"]
    answers = [await bot.call("sendMessage", HELLO) for _ in range(3)]
    assert [answer["status"] for answer in answers] == [429, 429, 200]
    assert answers[0]["description"] == "Too Many Requests: retry after 3"
    assert answers[0]["parameters"] == {"retry_after": 3}
    assert failure.happened == 2
    assert [call.status for call in telegram.calls[2:]] == [429, 429, 200]
    assert len(telegram.sent) == 3
    telegram.assert_clean()


async def test_a_failure_may_be_for_ever_and_of_any_method(telegram: BotAPI, bot: Bot) -> None:
    failure = telegram.fail(None, "server error", times=None)
    assert [(await bot.call(method))["status"] for method in ("getMe", "getWebhookInfo", "getMe")] == [500] * 3
    failure.release()
    assert (await bot.call("getMe"))["status"] == 200


async def test_a_failure_may_choose_its_calls(telegram: BotAPI, bot: Bot) -> None:
    telegram.fail("sendMessage", "server error", when=lambda call: call.params["text"] == "упади")
    assert (await bot.call("sendMessage", HELLO))["ok"]
    assert not (await bot.call("sendMessage", HELLO | {"text": "упади"}))["ok"]


@pytest.mark.parametrize("how", [how for how, what in FAILURES.items() if what.description])
async def test_a_failure_has_telegrams_own_words(how: str, telegram: BotAPI, bot: Bot) -> None:
    telegram.fail("getMe", how)
    answer = await bot.call("getMe")
    assert (answer["status"], answer["description"]) == (FAILURES[how].status, FAILURES[how].description)


async def test_a_migration_names_the_new_chat(telegram: BotAPI, bot: Bot) -> None:
    telegram.fail("sendMessage", "migrated", migrate_to_chat_id=-1005)
    assert (await bot.call("sendMessage", HELLO))["parameters"] == {"migrate_to_chat_id": -1005}


@pytest.mark.parametrize(("how", "status"), [("bad gateway", 502), ("not json", 200), ("half an answer", 200)])
async def test_an_answer_may_be_no_json(how: str, status: int, telegram: BotAPI, bot: Bot) -> None:
    telegram.fail("sendMessage", how)
    response = await bot.client.post(f"/bot{TOKEN}/sendMessage", json=HELLO)
    assert response.status_code == status
    with pytest.raises(ValueError):
        response.json()
    assert not telegram.sent


@pytest.mark.parametrize(("how", "error", "is_sent"), [
    ("refused connection", httpx.ConnectError, False),
    ("reset connection", httpx.ReadError, False),
    ("lost answer", httpx.ReadError, True),
])
async def test_a_connection_may_break(
    how: str, error: type[Exception], is_sent: bool, telegram: BotAPI, bot: Bot
) -> None:
    telegram.fail("sendMessage", how)
    with pytest.raises(error):
        await bot.call("sendMessage", HELLO)
    assert [one.text for one in telegram.sent] == ["привет"] * is_sent
    assert telegram.calls[0].status is None


@pytest.mark.parametrize(("how", "is_sent"), [("hang", False), ("late answer", True)])
async def test_an_answer_may_never_come(how: str, is_sent: bool, telegram: BotAPI, bot: Bot) -> None:
    telegram.fail("sendMessage", how)
    bot.client.timeout = httpx.Timeout(0.05)
    with pytest.raises(httpx.ReadTimeout):
        await bot.call("sendMessage", HELLO)
    assert [one.text for one in telegram.sent] == ["привет"] * is_sent


async def test_a_hanging_call_goes_on_when_it_is_released(telegram: BotAPI, bot: Bot) -> None:
    failure = telegram.fail("sendMessage", "hang")
    call = asyncio.create_task(bot.result("sendMessage", HELLO))
    await telegram.wait_for(lambda one: failure.happened)
    assert not call.done()
    failure.release()
    assert (await asyncio.wait_for(call, 5))["text"] == "привет"


# ---- waiting


async def test_waiting_ends_with_what_was_waited_for(telegram: BotAPI, bot: Bot) -> None:
    waiting = asyncio.create_task(telegram.wait_for(2))
    await bot.result("sendMessage", HELLO)
    assert not waiting.done()
    await bot.result("sendMessage", HELLO)
    assert len(await asyncio.wait_for(waiting, 5)) == 2


async def test_waiting_in_vain_tells_what_came_instead(telegram: BotAPI, bot: Bot) -> None:
    await bot.result("getMe")
    with pytest.raises(AssertionError, match="getMe"):
        await telegram.wait_for(1, timeout=0.01)


async def test_waiting_for_a_call(telegram: BotAPI, bot: Bot) -> None:
    waiting = asyncio.create_task(telegram.wait_for_call("getMe", times=2))
    await bot.result("getMe")
    await bot.result("getMe")
    found: Call = await asyncio.wait_for(waiting, 5)
    assert found is telegram.calls[1]


# ---- as a server


async def test_it_is_a_server_too(telegram: BotAPI, distant_bot: Bot) -> None:
    await distant_bot.result("sendPhoto", data={"chat_id": "5"}, files={"photo": ("a.png", b"png")})
    (sent,) = await telegram.wait_for(1)
    assert sent.value == Upload("a.png", b"png", "image/png")


async def test_a_server_hands_out_updates_of_another_thread(telegram: BotAPI, distant_bot: Bot) -> None:
    poll = asyncio.create_task(distant_bot.result("getUpdates", {"timeout": 8}))
    await telegram.wait_for(lambda one: one.calls_of("getUpdates"))
    thread = threading.Thread(target=telegram.deliver, args=(update := message("раз"),))
    thread.start()
    assert await asyncio.wait_for(poll, 5) == [update]
    thread.join()


@pytest.mark.parametrize(("how", "is_sent"), [("reset connection", False), ("lost answer", True)])
async def test_a_server_cuts_a_connection_off(
    how: str, is_sent: bool, telegram: BotAPI, distant_bot: Bot
) -> None:
    telegram.fail("sendMessage", how)
    with pytest.raises(httpx.TransportError) as caught:
        await distant_bot.call("sendMessage", HELLO)
    assert isinstance(caught.value, httpx.ReadError | httpx.RemoteProtocolError)
    assert [one.text for one in telegram.sent] == ["привет"] * is_sent
    assert (await distant_bot.call("getMe"))["ok"]


async def test_a_released_call_of_somebody_who_has_gone_is_not_performed(
    telegram: BotAPI, distant_bot: Bot
) -> None:
    failure = telegram.fail("sendMessage", "hang")
    distant_bot.client.timeout = httpx.Timeout(0.2)
    with pytest.raises(httpx.ReadTimeout):
        await distant_bot.call("sendMessage", HELLO)
    await distant_bot.client.aclose()
    failure.release()
    async with httpx.AsyncClient(base_url=distant_bot.client.base_url) as client:
        await Bot(client).result("getMe")
    assert not telegram.sent


async def test_a_server_comes_back_at_the_same_address(telegram: BotAPI) -> None:
    with telegram.serve() as address:
        port = httpx.URL(address).port
    async with httpx.AsyncClient(base_url=address) as client:
        with pytest.raises(httpx.ConnectError):
            await Bot(client).call("getMe")
        assert port is not None
        with telegram.serve(port):
            assert (await Bot(client).call("getMe"))["ok"]
