"""What can be said: one value for what is received, stored and sent."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bread_bot.bot.schemas.update import Message

# Telegram spells kinds regularly: the field `video_note` is sent by `sendVideoNote`. A new kind is one more word here.
CAPTIONED = ("voice", "photo", "animation", "video", "audio", "document")
MEDIA = ("sticker", "video_note", *CAPTIONED)

KIND_TITLES = {
    "text": "текст",
    "voice": "голосовое",
    "photo": "картинка",
    "sticker": "стикер",
    "animation": "гифка",
    "video": "видео",
    "video_note": "кружок",
    "audio": "аудио",
    "document": "файл",
}


@dataclass(frozen=True, slots=True)
class Button:
    """An inline button; a press on it calls the handler declared for the first word of `data` (at most 64 bytes)."""

    text: str
    data: str


@dataclass(frozen=True, slots=True)
class Mention:
    """A text mention of a user without a username, in UTF-16 units of the text."""

    offset: int
    length: int
    user_id: int


@dataclass(frozen=True, slots=True)
class Answer:
    """Something to say: `value` is the text or a medium's file_id, `content` the bytes of a medium that is new.

    `about` names the key it was taught for; `reply_to` is the message to answer when it is not the asking one.
    """

    value: str
    kind: str = "text"
    caption: str | None = None
    file_unique_id: str = ""
    buttons: tuple[tuple[Button, ...], ...] = ()
    mentions: tuple[Mention, ...] = ()
    content: bytes | None = None
    about: str | None = None
    reply_to: int | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """A new text and new buttons for the message whose button was pressed."""

    text: str
    buttons: tuple[tuple[Button, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Toast:
    """A short note that only the presser of a button sees."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """Any other call of the Bot API about the chat: the method and what it takes besides `chat_id`."""

    method: str
    payload: dict[str, Any]


Thing = Answer | Edit | Toast | Call
Reply = str | Thing | Iterable[str | Thing] | None


def said_things(reply: Reply) -> Iterator[Thing]:
    """Whatever a handler returned, one by one."""
    if reply is None or reply == "":
        return
    if isinstance(reply, str):
        yield Answer(reply)
    elif isinstance(reply, Answer | Edit | Toast | Call):
        yield reply
    else:
        for one in reply:
            yield from said_things(one)


def received(message: Message) -> Answer | None:
    """What a message says, so that it can be said again; None for kinds that can't be."""
    text = (message.text or "").strip()
    if text:
        return Answer(text)
    for kind in MEDIA:  # an animation also comes as a document, so the order matters: document is the last
        medium = getattr(message, kind)
        if medium:
            file = medium[-1] if isinstance(medium, list) else medium  # the largest size of a photo is the last
            caption = (message.caption or "").strip() or None if kind in CAPTIONED else None
            return Answer(file.file_id, kind, caption, file.file_unique_id)
    return None
