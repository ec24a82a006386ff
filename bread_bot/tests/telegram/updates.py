"""What people do in chats, as the updates that Telegram sends: plain JSON, checked against the Bot API's data.

    ask = message("Хлеб кто?", chat=chats.group, sender=people.boris)
    voiced = message(voice=True, reply_to=ask, thread=7, chat=chats.forum)
    joined = message(new_chat_members=[people.vera])
    press = callback_query("page:2", message=answer.message)

Any field of a Message can be given by its name; people, chats and lists of them stand for their JSON.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Literal

from bread_bot.tests.telegram.schema import Json, api, check_object, smallest, smallest_fields, utf16_units
from bread_bot.tests.telegram.world import FILE_KINDS, unique_id

TELEGRAM_ID = 777000
ANONYMOUS_ADMIN_ID = 1087968824
CHANNEL_BOT_ID = 136817688

_State = str | Mapping[str, Any]

_update_ids = count(100_001)
_message_ids = count(1)
_file_numbers = count(1)
_person_ids = count(5_000_001)
_group_ids = count(4_000_001)
_press_ids = count(7_000_000_001)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account, or a bot."""

    id: int
    first_name: str
    last_name: str | None = None
    username: str | None = None
    language: str | None = "ru"
    is_bot: bool = False

    @property
    def json(self) -> Json:
        """A User."""
        optional = {"last_name": self.last_name, "username": self.username, "language_code": self.language}
        return {"id": self.id, "is_bot": self.is_bot, "first_name": self.first_name} | _given(optional)

    @property
    def private(self) -> "Place":
        """The private chat with the bot."""
        return Place(self.id, "private", self.first_name, self.username, last_name=self.last_name)

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}" if self.last_name else self.first_name


@dataclass(frozen=True, slots=True)
class Place:
    """A chat of some type; a private one has its user's names."""

    id: int
    type: Literal["private", "group", "supergroup", "channel"]
    title: str
    username: str | None = None
    is_forum: bool = False
    last_name: str | None = None

    @property
    def owner(self) -> Person | None:
        """Whose private chat it is."""
        return Person(self.id, self.title, self.last_name, self.username) if self.type == "private" else None

    @property
    def json(self) -> Json:
        """A Chat."""
        named = "first_name" if self.type == "private" else "title"
        optional = {"username": self.username, "last_name": self.last_name, "is_forum": self.is_forum or None}
        return {"id": self.id, "type": self.type, named: self.title} | _given(optional)


@dataclass(frozen=True, slots=True)
class People:
    """Those who write in the tests."""

    anna: Person = Person(1001, "Анна", "Каренина", "anna_k")
    boris: Person = Person(1002, "Борис", None, "boris")
    vera: Person = Person(1003, "Вера", "Павловна")
    gleb: Person = Person(1004, "Глеб")
    dasha: Person = Person((1 << 52) - 1, "Дарья", "Ё-Моё", "dasha_d", "en")
    other_bot: Person = Person(1006, "Другой бот", None, "other_bot", None, True)
    telegram: Person = Person(TELEGRAM_ID, "Telegram", language=None)
    anonymous_admin: Person = Person(ANONYMOUS_ADMIN_ID, "Group", None, "GroupAnonymousBot", None, True)
    channel_bot: Person = Person(CHANNEL_BOT_ID, "Channel", None, "Channel_Bot", None, True)


people = People()


@dataclass(frozen=True, slots=True)
class Chats:
    """Where they write."""

    private: Place = people.anna.private
    group: Place = Place(-2001, "group", "Группа")
    supergroup: Place = Place(-1000000002002, "supergroup", "Супергруппа")
    forum: Place = Place(-1000000002003, "supergroup", "Форум", is_forum=True)
    channel: Place = Place(-1000000002004, "channel", "Канал", "hleb_news")


chats = Chats()


def person(first_name: str = "Новенький", **names: Any) -> Person:
    """Somebody whom nobody has seen yet."""
    return Person(next(_person_ids), first_name, **names)


def group(title: str = "Новая группа", *, kind: str = "supergroup", **details: Any) -> Place:
    """A chat that nobody has seen yet: group, supergroup, forum or channel."""
    number = next(_group_ids)
    if kind == "group":
        return Place(-number, "group", title, **details)
    place = Place(-(10**12) - number, "channel" if kind == "channel" else "supergroup", title, **details)
    return replace(place, is_forum=True) if kind == "forum" else place


def message(
    text: str | None = None,
    *,
    chat: Place | None = None,
    sender: Person | Literal["somebody"] | None = "somebody",
    reply_to: Mapping[str, Any] | None = None,
    thread: int | None = None,
    **content: Any,
) -> Json:
    """Somebody writes, in the supergroup where no chat is given.

    :param sender: Anna, or whose private chat it is, if not given; None for a message without `from`
    :param reply_to: the Message, or the update that brought it
    :param thread: a forum topic
    :param content: fields of Message; `voice=True` makes a new file, `voice="id"` names one; so do all kinds of files
    """
    place = chat or chats.supergroup
    if sender == "somebody":
        sender = place.owner or people.anna
    return _update("message", _message(text, place, sender, reply_to, thread, content))


def channel_post(text: str | None = None, *, chat: Place = chats.channel, **content: Any) -> Json:
    """A channel publishes something."""
    content = {"sender_chat": chat, **content}
    return _update("channel_post", _message(text, chat, None, content.pop("reply_to", None), None, content))


def automatic_forward(text: str | None = None, *, chat: Place | None = None, **content: Any) -> Json:
    """A channel's post arrives in the channel's discussion group."""
    origin = {"type": "channel", "date": int(time.time()), "chat": chats.channel.json, "message_id": 1}
    forward: Json = {"sender_chat": chats.channel, "is_automatic_forward": True, "forward_origin": origin}
    return message(text, chat=chat, sender=people.telegram, **(forward | content))


def as_channel(text: str | None = None, *, channel: Place = chats.channel, **content: Any) -> Json:
    """A member writes in a group in the name of a channel."""
    return message(text, sender=people.channel_bot, sender_chat=channel, **content)


def as_anonymous_admin(text: str | None = None, *, chat: Place | None = None, **content: Any) -> Json:
    """An administrator writes without showing who it is."""
    place = chat or chats.supergroup
    return message(text, chat=place, sender=people.anonymous_admin, sender_chat=place, **content)


def edited(update: Mapping[str, Any], text: str | None = None, **content: Any) -> Json:
    """Somebody mends what an earlier update brought; a caption where it had one."""
    before = message_of(update)
    is_post = before["chat"]["type"] == "channel"
    if text is not None:
        content["text" if "caption" not in before and "text" in before else "caption"] = text
    after = before | _content(content) | {"edit_date": int(time.time())}
    return _update("edited_channel_post" if is_post else "edited_message", after)


def callback_query(
    data: str, *, message: Mapping[str, Any] | None = None, sender: Person = people.anna, **content: Any
) -> Json:
    """Somebody presses a button under a message (a Message, or the update that brought it)."""
    query = {"id": str(next(_press_ids)), "from": sender.json, "chat_instance": "-5000000001", "data": data}
    if message is not None:
        query["message"] = message_of(message)
    return _update("callback_query", query | _content(content))


def my_chat_member(
    new: _State = "member",
    old: _State = "left",
    *,
    bot: Person | Mapping[str, Any],
    chat: Place | None = None,
    sender: Person = people.anna,
) -> Json:
    """The bot is added, kicked, promoted or restricted; states are a status, or whole ChatMembers without the user."""
    return _update("my_chat_member", _change(chat or chats.supergroup, sender, _json(bot), old, new))


def chat_member(
    who: Person,
    new: _State = "member",
    old: _State = "left",
    *,
    chat: Place | None = None,
    sender: Person | None = None,
) -> Json:
    """Somebody comes, goes, or gets another role."""
    return _update("chat_member", _change(chat or chats.supergroup, sender or who, who.json, old, new))


def reaction(update: Mapping[str, Any], emoji: str = "👍", *, sender: Person = people.anna) -> Json:
    """Somebody reacts to a message."""
    about = message_of(update)
    value = {
        "chat": about["chat"],
        "message_id": about["message_id"],
        "user": sender.json,
        "date": int(time.time()),
        "old_reaction": [],
        "new_reaction": [{"type": "emoji", "emoji": emoji}],
    }
    return _update("message_reaction", value)


def migration(old: Place, new: Place | None = None) -> tuple[Json, Json]:
    """A group becomes a supergroup: both service messages, that of the old chat first."""
    place = new or group(old.title)
    return (
        message(chat=old, migrate_to_chat_id=place.id),
        message(chat=place, sender=people.anonymous_admin, sender_chat=place, migrate_from_chat_id=old.id),
    )


def message_of(update: Mapping[str, Any]) -> Json:
    """The Message in an update; a Message is one itself."""
    if "update_id" not in update:
        return dict(update)
    return next(dict(value) for kind, value in update.items() if kind != "update_id")


def member(user: Json, state: _State) -> Json:
    """A ChatMember: creator, administrator, member, restricted, left or kicked, with what else is given."""
    given = {"status": state} if isinstance(state, str) else dict(state)
    status = given["status"]
    name = {"creator": "Owner", "kicked": "Banned"}.get(status, status.capitalize())
    return smallest_fields(api().types[f"ChatMember{name}"]) | {"user": user} | given


def _change(chat: Place, sender: Person, user: Json, old: _State, new: _State) -> Json:
    return {
        "chat": chat.json,
        "from": sender.json,
        "date": int(time.time()),
        "old_chat_member": member(user, old),
        "new_chat_member": member(user, new),
    }


def _message(
    text: str | None,
    chat: Place,
    sender: Person | None,
    reply_to: Mapping[str, Any] | None,
    thread: int | None,
    content: Mapping[str, Any],
) -> Json:
    made: Json = {"message_id": next(_message_ids), "date": int(time.time()), "chat": chat.json}
    if sender is not None:
        made["from"] = sender.json
    if text is not None:
        made["text"] = text
        if text.startswith("/") and (name := text.split()[0]) != "/":
            made["entities"] = [{"type": "bot_command", "offset": 0, "length": utf16_units(name)}]
    if reply_to is not None:
        made["reply_to_message"] = {
            name: value for name, value in message_of(reply_to).items() if name != "reply_to_message"
        }
    if thread is not None:
        made |= {"message_thread_id": thread, "is_topic_message": True}
    return made | _content(content)


def _content(content: Mapping[str, Any]) -> Json:
    made: Json = {}
    for name, value in content.items():
        if name in FILE_KINDS and isinstance(value, bool | str):
            made |= _file(name, f"{name}-{next(_file_numbers)}" if isinstance(value, bool) else value)
        else:
            made[name] = _json(value)
    return made


def _file(kind: str, file_id: str) -> Json:
    ids = {"file_id": file_id, "file_unique_id": unique_id(file_id)}
    if kind == "photo":
        small = {name: f"{value}-small" for name, value in ids.items()}
        sizes = (small, 90, 90), (ids, 800, 800)
        return {"photo": [one | {"width": width, "height": height} for one, width, height in sizes]}
    made = {kind: smallest(api().types["Message"].fields[kind].types[0]) | ids}
    return made | {"document": ids} if kind == "animation" else made


def _json(value: Any) -> Any:
    if isinstance(value, Person | Place):
        return value.json
    if isinstance(value, Mapping):
        return {name: _json(one) for name, one in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_json(one) for one in value]
    return value


def _given(values: Mapping[str, Any]) -> Json:
    return {name: value for name, value in values.items() if value is not None}


def _update(kind: str, value: Json) -> Json:
    update = {"update_id": next(_update_ids), kind: value}
    if problems := check_object("Update", update):
        raise ValueError("Telegram would not send this: " + "; ".join(problems))
    return update
