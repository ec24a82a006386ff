"""The checks of calls and objects find each kind of mistake, and let correct ones pass."""

from typing import Any

import pytest

from bread_bot.tests.telegram.schema import (
    Json,
    Upload,
    api,
    check_call,
    check_object,
    check_result,
    read_form,
    smallest,
    smallest_fields,
)

HELLO: Json = {"chat_id": 5, "text": "привет"}
BUTTON: Json = {"text": "дальше", "callback_data": "page:2"}
VERA: Json = {"id": 3, "is_bot": False, "first_name": "Вера"}


def keyboard(**button: Any) -> Json:
    return {"inline_keyboard": [[BUTTON | button]]}


CORRECT: list[tuple[str, Json]] = [
    ("getMe", {}),
    ("sendMessage", HELLO),
    ("sendMessage", HELLO | {"chat_id": "@hleb_news", "message_thread_id": 7, "disable_notification": True}),
    ("sendMessage", HELLO | {"text": "😀" * 2048}),
    ("sendMessage", HELLO | {"reply_parameters": {"message_id": 1, "allow_sending_without_reply": True}}),
    ("sendMessage", HELLO | {"reply_markup": keyboard()}),
    ("sendMessage", HELLO | {"reply_markup": {"remove_keyboard": True}}),
    ("sendMessage", HELLO | {"reply_markup": keyboard(callback_data="ё" * 32)}),
    ("sendMessage", HELLO | {"text": "😀 Вера", "entities": [
        {"type": "text_mention", "offset": 3, "length": 4, "user": VERA}]}),
    ("sendPhoto", {"chat_id": 5, "photo": Upload("a.png", b"png"), "caption": "x" * 1024}),
    ("sendPhoto", {"chat_id": 5, "photo": "file-id"}),
    ("sendDice", {"chat_id": 5, "emoji": "🎳"}),
    ("sendChatAction", {"chat_id": 5, "action": "typing"}),
    ("sendLocation", {"chat_id": 5, "latitude": 55.7, "longitude": 37}),
    ("sendMediaGroup", {"chat_id": 5, "media": [{"type": "photo", "media": "a"}, {"type": "video", "media": "b"}]}),
    ("editMessageText", HELLO | {"message_id": 1}),
    ("editMessageText", {"inline_message_id": "1", "text": "x"}),
    ("setWebhook", {"url": "https://a.b/", "secret_token": "aZ_-9", "allowed_updates": ["message", "chat_member"]}),
    ("setWebhook", {"url": ""}),
    ("setMyCommands", {"commands": [{"command": "who_1", "description": "кто"}], "scope": {"type": "default"}}),
    ("setMessageReaction", {"chat_id": 5, "message_id": 1, "reaction": [{"type": "emoji", "emoji": "👍"}]}),
    ("answerInlineQuery", {"inline_query_id": "1", "results": [
        {"type": "photo", "id": "1", "photo_file_id": "a"},
        {"type": "article", "id": "2", "title": "x", "input_message_content": {"message_text": "x"}},
    ]}),
]

WRONG: list[tuple[str, Json, str]] = [
    ("sendText", {}, "no such method"),
    ("sendMessage", {"chat_id": 5}, "sendMessage.text: is missing"),
    ("sendMessage", HELLO | {"reply_to_message_id": 1}, "reply_to_message_id: there is no such field"),
    ("sendMessage", HELLO | {"chat_id": 1.5}, "chat_id: must be"),
    ("sendMessage", HELLO | {"chat_id": None}, "chat_id: must be"),
    ("sendMessage", HELLO | {"chat_id": True}, "chat_id: must be"),
    ("sendMessage", HELLO | {"chat_id": 1 << 63}, "chat_id: must be"),
    ("sendMessage", HELLO | {"text": 5}, "text: must be String"),
    ("sendMessage", HELLO | {"text": ""}, "text: 1-4096 characters, not 0"),
    ("sendMessage", HELLO | {"text": " \n"}, "nothing but white space"),
    ("sendMessage", HELLO | {"text": "😀" * 2048 + "x"}, "text: 1-4096 characters, not 4097"),
    ("sendMessage", HELLO | {"text": "a\0"}, "has a NUL"),
    ("sendMessage", HELLO | {"text": "a\ud83d"}, "lone surrogate"),
    ("sendMessage", HELLO | {"disable_notification": "yes"}, "must be Boolean"),
    ("sendMessage", HELLO | {"parse_mode": "html"}, "none of HTML"),
    ("sendMessage", HELLO | {"parse_mode": "HTML", "entities": []}, "stands beside parse_mode"),
    ("sendMessage", HELLO | {"reply_parameters": {}}, "reply_parameters.message_id: is missing"),
    ("sendMessage", HELLO | {"reply_parameters": {"message_id": "1"}}, "message_id: must be Integer"),
    ("sendMessage", HELLO | {"reply_markup": '{"inline_keyboard": []}'}, "must be InlineKeyboardMarkup"),
    ("sendMessage", HELLO | {"reply_markup": {"inline_keyboard": [BUTTON]}}, "inline_keyboard[0]: must be an array"),
    ("sendMessage", HELLO | {"reply_markup": keyboard(callback_data="ё" * 33)}, "1-64 bytes, not 66"),
    ("sendMessage", HELLO | {"reply_markup": keyboard(callback_data="")}, "1-64 bytes, not 0"),
    ("sendMessage", HELLO | {"reply_markup": keyboard(url="https://a.b")}, "exclude each other"),
    ("sendMessage", HELLO | {"reply_markup": {"inline_keyboard": [[{"text": "a"}]]}}, "one of url, callback_data"),
    ("sendMessage", HELLO | {"reply_markup": keyboard(data="x")}, "[0][0].data: there is no such field"),
    ("sendMessage", HELLO | {"entities": [{"type": "bold", "offset": 3, "length": 4}]}, "outside of a text of 6"),
    ("sendMessage", HELLO | {"entities": [{"type": "bold", "offset": 3, "length": 0}]}, "outside of a text"),
    ("sendMessage", HELLO | {"text": "😀", "entities": [{"type": "bold", "offset": 1, "length": 1}]}, "cuts a char"),
    ("sendMessage", HELLO | {"entities": [{"type": "text_mention", "offset": 0, "length": 1}]}, "user: is missing"),
    ("sendMessage", HELLO | {"entities": [{"type": "bold", "offset": 0, "length": 1, "user": VERA}]}, "is only for"),
    ("sendMessage", HELLO | {"entities": [{"type": "mono", "offset": 0, "length": 1}]}, "'mono' is none of"),
    ("sendPhoto", {"chat_id": 5, "photo": "a", "caption": "x" * 1025}, "caption: 0-1024 characters, not 1025"),
    ("sendPhoto", {"chat_id": 5, "photo": b"png"}, "photo: must be"),
    ("sendPhoto", {"chat_id": 5, "photo": "attach://a"}, "not among the uploaded files"),
    ("sendPhoto", {"chat_id": 5, "photo": "a", "caption": "ab", "caption_entities": [
        {"type": "bold", "offset": 0, "length": 3}]}, "caption_entities[0]: 0+3 is outside"),
    ("sendDice", {"chat_id": 5, "emoji": "🍞"}, "is none of"),
    ("sendChatAction", {"chat_id": 5, "action": "write"}, "'write' is none of"),
    ("sendPoll", {"chat_id": 5, "question": "?", "options": [{"text": "a"}] * 13}, "1-12 items, not 13"),
    ("sendMediaGroup", {"chat_id": 5, "media": [{"type": "photo", "media": "a"}]}, "2-10 items, not 1"),
    ("editMessageText", {"text": "x"}, "editMessageText.chat_id: is missing"),
    ("editMessageText", {"chat_id": 5, "message_id": 1}, "editMessageText.text: is missing"),
    ("answerCallbackQuery", {"callback_query_id": "1", "text": "x" * 201}, "0-200 characters, not 201"),
    ("getUpdates", {"limit": 101}, "1-100 value, not 101"),
    ("getUpdates", {"timeout": -1}, "must not be negative"),
    ("getUpdates", {"allowed_updates": ["messages"]}, "no update 'messages'"),
    ("setWebhook", {"url": "http://a.b/"}, "HTTPS"),
    ("setWebhook", {"url": "https://a.b/", "secret_token": "a b"}, "other characters"),
    ("setWebhook", {"url": "https://a.b/", "secret_token": "a" * 257}, "1-256 characters"),
    ("setWebhook", {"url": "https://a.b/", "max_connections": 0}, "1-100 value, not 0"),
    ("setMyCommands", {"commands": []}, "is empty"),
    ("setMyCommands", {"commands": [{"command": f"a{n}", "description": "x"} for n in range(101)]}, "0-100 items"),
    ("setMyCommands", {"commands": [{"command": "кто", "description": "x"}]}, "other characters"),
    ("setMyCommands", {"commands": [{"command": "/who", "description": "x"}]}, "other characters"),
    ("setMyCommands", {"commands": [{"command": "a" * 33, "description": "x"}]}, "1-32 characters"),
    ("setMyCommands", {"commands": [{"command": "who", "description": "x" * 257}]}, "1-256 characters"),
    ("setMyCommands", {"commands": [{"command": "who", "description": "x"}] * 2}, "who twice"),
    ("setMyCommands", {"commands": [{"command": "a", "description": "x"}], "scope": {"type": "all"}}, "scope.type"),
    ("setMessageReaction", {"chat_id": 5, "message_id": 1, "reaction": [{"type": "emoji", "emoji": "🍞"}]}, "is none"),
]


@pytest.mark.parametrize(("method", "params"), CORRECT)
def test_a_correct_call_passes(method: str, params: Json) -> None:
    assert check_call(method, params) == []


@pytest.mark.parametrize(("method", "params", "problem"), WRONG)
def test_a_wrong_call_is_found(method: str, params: Json, problem: str) -> None:
    assert problem in "\n".join(check_call(method, params))


def test_only_what_is_wrong_is_found() -> None:
    assert len(check_call("sendMessage", HELLO | {"reply_markup": keyboard(data="x")})) == 1
    assert len(check_call("sendMediaGroup", {"chat_id": 5, "media": [{"type": "photo"}] * 2})) == 2


def test_an_uploaded_file_may_be_attached() -> None:
    media = [{"type": "photo", "media": "attach://a"}, {"type": "photo", "media": "attach://b"}]
    assert check_call("sendMediaGroup", {"chat_id": 5, "media": media}, ["a", "b"]) == []
    assert len(check_call("sendMediaGroup", {"chat_id": 5, "media": media}, ["a"])) > 0


@pytest.mark.parametrize("name", [name for name in api().types if name != "InputFile"])
def test_the_smallest_of_each_type_is_correct(name: str) -> None:
    assert check_object(name, smallest(name)) == []


@pytest.mark.parametrize("name", api().methods)
def test_every_field_that_a_call_must_have_is_asked_for(name: str) -> None:
    params = smallest_fields(api().methods[name]) | ({"url": "https://a.b/"} if name == "setWebhook" else {})
    assert check_call(name, params) == []
    for field in api().methods[name].required:
        assert check_call(name, {key: value for key, value in params.items() if key != field})
    assert check_call(name, params | {"no_such_field": 1})


def test_objects_of_telegram_are_checked() -> None:
    message = {"message_id": 1, "date": 1, "chat": {"id": 1, "type": "private"}, "text": "a\0\ud83d"}
    assert check_object("Update", {"update_id": 1, "message": message}) == []
    assert check_object("Update", {"update_id": 1, "message": message, "edited_message": message})
    assert check_object("Update", {"update_id": 1, "message": message | {"chat": {"id": 1, "type": "room"}}})
    assert check_object("Update", {"update_id": 1, "message": message | {"voice": {"file_id": "a"}}})
    assert check_object("MaybeInaccessibleMessage", {"message_id": 1, "date": 0, "chat": message["chat"]}) == []
    assert check_object("RichText", ["a", {"type": "bold", "text": ["b", "c"]}]) == []
    assert check_object("RichText", ["a", {"type": "bald", "text": "b"}])
    assert check_object("ChatMember", {"status": "left", "user": VERA}) == []
    assert check_object("ChatMember", {"status": "kicked", "user": VERA})


def test_results_are_checked() -> None:
    assert check_result("getMe", VERA) == []
    assert check_result("getMe", True)
    assert check_result("editMessageText", True) == []
    assert check_result("getUpdates", [{"update_id": "1"}])


def test_a_form_is_read_by_the_types_of_its_fields() -> None:
    form = {
        "chat_id": "-100", "text": "5", "disable_notification": "true", "unknown": "1",
        "reply_parameters": '{"message_id": 1}', "entities": "[", "message_thread_id": "seven",
    }
    assert read_form("sendMessage", form) == {
        "chat_id": -100, "text": "5", "disable_notification": True, "unknown": "1",
        "reply_parameters": {"message_id": 1}, "entities": "[", "message_thread_id": "seven",
    }
    assert read_form("sendMessage", {"chat_id": "@hleb_news"}) == {"chat_id": "@hleb_news"}


def test_kinds_of_updates_are_read_from_the_data() -> None:
    assert {"message", "edited_message", "callback_query", "my_chat_member", "chat_member"} <= set(api().update_kinds)
    assert "update_id" not in api().update_kinds
