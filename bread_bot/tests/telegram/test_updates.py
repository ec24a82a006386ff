"""Every builder makes what Telegram sends, with ids that grow, and refuses what it would not."""

from typing import Any

import pytest

from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.schema import Json, api, check_object
from bread_bot.tests.telegram.updates import chats, message, message_of, people
from bread_bot.tests.telegram.world import FILE_KINDS

BOT = {"id": 7, "is_bot": True, "first_name": "Хлеб", "username": "bread_test_bot"}
STATES = ("creator", "administrator", "member", "restricted", "left", "kicked")


def with_file(kind: str, value: Any) -> Json:
    content: dict[str, Any] = {kind: value}
    return message(**content)


BUILT: dict[str, Json] = {
    "text": message("привет"),
    "slash command": message("/who@bread_test_bot хлеб"),
    "private": message("привет", chat=people.vera.private),
    "group": message("привет", chat=chats.group, sender=people.gleb),
    "topic": message("привет", chat=chats.forum, thread=7),
    "reply": message("привет", reply_to=message("раз", reply_to=message("два"))),
    "nobody": message("привет", sender=None, sender_chat=chats.channel),
    "another bot": message("привет", sender=people.other_bot),
    "joined": message(new_chat_members=[people.vera, people.gleb]),
    "left": message(left_chat_member=people.vera),
    "forwarded": message("x", forward_origin={"type": "user", "date": 1, "sender_user": people.vera}),
    "as a channel": updates.as_channel("привет"),
    "as an anonymous admin": updates.as_anonymous_admin("привет"),
    "automatic forward": updates.automatic_forward("новость"),
    "post": updates.channel_post("новость"),
    "edited post": updates.edited(updates.channel_post("новость"), "старость"),
    "edited": updates.edited(message("хелб"), "хлеб"),
    "edited caption": updates.edited(message(photo=True, caption="a"), "b"),
    "press": updates.callback_query("page:2", message=message("кнопки")),
    "press without message": updates.callback_query("page:2", inline_message_id="1"),
    "reaction": updates.reaction(message("привет")),
    "migrated from": updates.migration(chats.group)[0],
    "migrated to": updates.migration(chats.group)[1],
    "dice": message(dice={"emoji": "🎲", "value": 6}),
    "new chat": message("привет", chat=updates.group(kind="forum"), sender=updates.person("Новая", username="n")),
    **{f"bot {state}": updates.my_chat_member(state, bot=BOT) for state in STATES},
    **{f"member {state}": updates.chat_member(people.vera, state, sender=people.anna) for state in STATES},
    **{kind: with_file(kind, True) for kind in FILE_KINDS},
}


@pytest.mark.parametrize("name", BUILT)
def test_it_is_what_telegram_sends(name: str) -> None:
    assert check_object("Update", BUILT[name]) == []


def test_ids_grow() -> None:
    first, second = message("a"), message("b")
    assert first["update_id"] < second["update_id"]
    assert first["message"]["message_id"] < second["message"]["message_id"]
    assert updates.person().id != updates.person().id
    assert updates.group().id != updates.group().id


@pytest.mark.parametrize("kind", FILE_KINDS)
def test_a_file_is_new_or_named(kind: str) -> None:
    def file(value: Any) -> Json:
        content = message_of(with_file(kind, value))[kind]
        found: Json = content[-1] if kind == "photo" else content
        return found

    assert file(True)["file_id"] != file(True)["file_id"]
    assert file("same")["file_id"] == "same"
    assert file("same")["file_unique_id"] == file("same")["file_unique_id"] != file("other")["file_unique_id"]


def test_a_whole_object_may_be_given() -> None:
    voice = {"file_id": "a", "file_unique_id": "b", "duration": 5}
    assert message_of(message(voice=voice))["voice"] == voice


def test_what_telegram_would_not_send_is_refused() -> None:
    with pytest.raises(ValueError, match="no such field"):
        message("привет", reply_to_message_id=5)
    with pytest.raises(ValueError, match="voice"):
        message(voice={"file_id": "a"})


def test_a_private_chat_is_its_users() -> None:
    sent = message_of(message("привет", chat=people.dasha.private))
    assert sent["from"]["id"] == sent["chat"]["id"] == people.dasha.id == (1 << 52) - 1
    assert "title" not in sent["chat"]


def test_a_topic_is_marked() -> None:
    sent = message_of(message("привет", chat=chats.forum, thread=7))
    assert (sent["message_thread_id"], sent["is_topic_message"], sent["chat"]["is_forum"]) == (7, True, True)


def test_a_reply_quotes_one_message_only() -> None:
    replied = message_of(message("три", reply_to=message("раз", reply_to=message("два"))))["reply_to_message"]
    assert replied["text"] == "раз"
    assert "reply_to_message" not in replied


def test_an_edit_keeps_what_it_does_not_change() -> None:
    before = message("хелб", chat=chats.forum, thread=7)
    after = updates.edited(before, "хлеб")
    assert after["edited_message"] | {"text": "хелб"} == before["message"] | {
        "edit_date": after["edited_message"]["edit_date"]
    }


def test_the_builders_reach_every_kind_that_the_bot_hears() -> None:
    heard = {kind for update in BUILT.values() for kind in update if kind != "update_id"}
    assert {"message", "edited_message", "channel_post", "edited_channel_post", "callback_query", "my_chat_member",
            "chat_member", "message_reaction"} == heard <= set(api().update_kinds)
