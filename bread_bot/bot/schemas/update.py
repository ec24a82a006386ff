"""The part of Telegram's Update that the bot reads; unknown fields and kinds are passed over."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from bread_bot.bot.errors import MalformedUpdate
from bread_bot.utils.text import clean

# Both are Telegram's own accounts, whose posts stand for somebody else.
ANONYMOUS_ADMIN_ID = 1087968824
CHANNEL_BOT_ID = 136817688
SERVICE_ID = 777000

GROUP_TYPES = frozenset({"group", "supergroup"})
ADMINISTRATOR_STATUSES = frozenset({"creator", "administrator"})


# what the database takes; Telegram's own ids have 52 bits
Id = Annotated[int, Field(ge=-(2**63), lt=2**63)]


class Lenient(BaseModel):
    """Base of what is read from Telegram: immutable, and deaf to what it does not know."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


class User(Lenient):
    """A Telegram account: a person or a bot."""

    id: Id
    is_bot: bool = False
    first_name: str = ""
    last_name: str | None = None
    username: str | None = None


class ChatInfo(Lenient):
    """The chat as an update tells of it."""

    id: Id
    type: str = "private"
    title: str | None = None
    username: str | None = None
    first_name: str | None = None
    last_name: str | None = None

    @property
    def is_group(self) -> bool:
        """Whether several people talk here."""
        return self.type in GROUP_TYPES


class File(Lenient):
    """A medium: `file_id` sends it again, `file_unique_id` tells equal files."""

    file_id: str
    file_unique_id: str = ""


class Quote(Lenient):
    """The quoted part of a replied message."""

    text: str = ""


class Message(Lenient):
    """A message of a chat, of whatever kind."""

    message_id: Id
    date: int = 0
    chat: ChatInfo
    sender: User | None = Field(default=None, validation_alias=AliasChoices("from", "sender"))
    sender_chat: ChatInfo | None = None
    message_thread_id: Id | None = None
    is_topic_message: bool = False
    is_automatic_forward: bool = False
    reply_to_message: "Message | None" = None
    text: str | None = None
    caption: str | None = None
    voice: File | None = None
    photo: list[File] | None = None
    sticker: File | None = None
    animation: File | None = None
    video: File | None = None
    video_note: File | None = None
    audio: File | None = None
    document: File | None = None
    new_chat_members: list[User] | None = None
    left_chat_member: User | None = None
    migrate_to_chat_id: Id | None = None
    migrate_from_chat_id: Id | None = None

    @property
    def said(self) -> str:
        """The text or the caption, empty where there is neither."""
        return self.text or self.caption or ""

    @property
    def thread_id(self) -> int | None:
        """The forum topic to answer in."""
        return self.message_thread_id if self.is_topic_message else None

    @property
    def sent_at(self) -> datetime:
        """When it was sent, UTC."""
        return datetime.fromtimestamp(self.date, UTC)

    @property
    def from_person(self) -> bool:
        """Whether somebody wrote it whom the bot may answer: a person, also one who writes as a channel or a group."""
        if self.is_automatic_forward or (self.sender is not None and self.sender.id == SERVICE_ID):
            return False
        if self.sender_chat is not None:
            return self.chat.type != "channel"
        return self.sender is not None and not self.sender.is_bot

    @property
    def author(self) -> User | None:
        """The person behind the message; None when it was written as a channel or a group, or by a bot."""
        if self.sender is None or self.sender.is_bot or self.sender_chat is not None:
            return None
        return None if self.sender.id == SERVICE_ID else self.sender

    @property
    def is_anonymous_admin(self) -> bool:
        """Whether an administrator wrote it in the name of the group itself."""
        return self.sender_chat is not None and self.sender_chat.id == self.chat.id


class ChatMemberState(Lenient):
    """What an account is in a chat: creator, administrator, member, restricted, left or kicked."""

    status: str
    user: User
    is_member: bool | None = None
    can_send_messages: bool | None = None

    @property
    def is_present(self) -> bool:
        """Whether the account is in the chat now."""
        if self.status == "restricted":
            return self.is_member is not False
        return self.status not in {"left", "kicked"}

    @property
    def is_administrator(self) -> bool:
        """Whether the account may manage the chat."""
        return self.status in ADMINISTRATOR_STATUSES


class ChatMemberChange(Lenient):
    """Somebody's state in a chat has changed."""

    chat: ChatInfo
    sender: User = Field(validation_alias=AliasChoices("from", "sender"))
    old_chat_member: ChatMemberState
    new_chat_member: ChatMemberState


class ButtonPress(Lenient):
    """A press on an inline button (Telegram's CallbackQuery)."""

    id: str
    sender: User = Field(validation_alias=AliasChoices("from", "sender"))
    message: Message | None = None
    data: str | None = None


class Update(Lenient):
    """One thing that happened, as Telegram delivers it."""

    update_id: Id
    message: Message | None = None
    edited_message: Message | None = None
    callback_query: ButtonPress | None = None
    my_chat_member: ChatMemberChange | None = None
    chat_member: ChatMemberChange | None = None

    @property
    def kind(self) -> str:
        """The field that is set, or `other`."""
        for name in KINDS:
            if getattr(self, name) is not None:
                return name
        return "other"

    @property
    def chat(self) -> ChatInfo | None:
        """Where it happened."""
        if self.callback_query is not None:
            message = self.callback_query.message
            return message.chat if message is not None else None
        happened = self.message or self.edited_message or self.my_chat_member or self.chat_member
        return happened.chat if happened is not None else None


KINDS = tuple(name for name in Update.model_fields if name != "update_id")

_UPDATE: TypeAdapter[Update] = TypeAdapter(Update)
MAX_DEPTH = 64


def read_update(body: bytes) -> Update:
    """Read the webhook's body.

    NUL characters and lone surrogates, which PostgreSQL and UTF-8 refuse, are dropped from every string.

    :raises MalformedUpdate: the body is no JSON, or no Update
    """
    if b"\\u0000" not in body:
        try:
            return _UPDATE.validate_json(body)
        except (ValidationError, RecursionError):
            pass  # a lone surrogate stops the fast reader; the thorough one below tells what is wrong
    try:
        return _UPDATE.validate_python(cleaned(json.loads(body)))
    except RecursionError:
        raise MalformedUpdate("the JSON is nested too deeply") from None
    except ValidationError as error:
        problems = ("{}: {}".format(".".join(map(str, one["loc"])), one["msg"]) for one in error.errors())
        raise MalformedUpdate("this is no Update: " + "; ".join(problems)) from None
    except ValueError as error:
        raise MalformedUpdate(f"this is no JSON: {error}") from None


def cleaned(value: Any, depth: int = MAX_DEPTH) -> Any:
    """Plain JSON without what PostgreSQL and UTF-8 refuse.

    :raises RecursionError: it is nested too deeply
    """
    if depth == 0:
        raise RecursionError
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [cleaned(item, depth - 1) for item in value]
    if isinstance(value, dict):
        return {clean(key): cleaned(item, depth - 1) for key, item in value.items()}
    return value
