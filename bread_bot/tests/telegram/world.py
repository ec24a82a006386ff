"""What Telegram knows: the bot, chats and who is in them, messages, files; and what a call changes there."""

import json
import random
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bread_bot.tests.telegram.schema import ARRAY, Json, Upload, api, check_object, smallest, smallest_fields

FILE_KINDS = ("photo", "voice", "sticker", "animation", "video", "video_note", "audio", "document")
MOST_DOWNLOADED, MOST_OF_A_PHOTO, MOST_UPLOADED = 20 * 2**20, 10 * 2**20, 50 * 2**20
PRESENT = ("creator", "administrator", "member", "restricted")

_FIRST_MESSAGE_ID = 1_000_000
_EXTENSIONS = {
    "photo": ".jpg",
    "voice": ".oga",
    "sticker": ".webp",
    "animation": ".mp4",
    "video": ".mp4",
    "video_note": ".mp4",
    "audio": ".mp3",
}
_UNASKED_UPDATES = ("chat_member", "message_reaction", "message_reaction_count")
_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")
_DICE = re.compile(r'1-(\d+) for ((?:"[^"]+"(?:, | and )?)+)')
_EDITED = ("text", "caption", "entities", "caption_entities", "reply_markup")


class Refusal(Exception):
    """Telegram does not do what it is asked for.

    `is_deviation` tells a call that no correct bot makes from one that life makes fail.
    """

    def __init__(self, status: int, description: str, *, is_deviation: bool = False, **parameters: int) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.parameters = parameters
        self.is_deviation = is_deviation


class World:
    """The state of a Telegram with one bot. Chats that nobody mentioned before are taken for existing ones."""

    def __init__(self, bot_id: int, username: str, first_name: str, reads_everything: bool) -> None:
        self.me: Json = {
            **smallest_fields(api().types["User"]),
            "id": bot_id,
            "is_bot": True,
            "first_name": first_name,
            "username": username,
            "can_join_groups": True,
            "can_read_all_group_messages": reads_everything,
            "supports_inline_queries": False,
        }
        self.chats: dict[int, Json] = {}
        self.people: dict[int, Json] = {}
        self.members: defaultdict[int, dict[int, Json]] = defaultdict(dict)
        self.messages: dict[tuple[int, int], Json] = {}
        self.deleted: set[tuple[int, int]] = set()
        self.gone_threads: set[tuple[int, int]] = set()
        self.migrated: dict[int, int] = {}
        self.closed: dict[int, str] = {}
        self.muted: set[int] = set()
        self.files: dict[str, bytes] = {}
        self.file_kinds: dict[str, str] = {}
        self.links: dict[str, str] = {}
        self.commands: dict[tuple[str, str], list[Json]] = {}
        self.webhook: Json = {}
        self.webhook_error: tuple[int, str] | None = None
        self.allowed_updates: list[str] = []
        self.queue: list[Json] = []
        self.presses: dict[str, bool] = {}
        self.reactions: dict[tuple[int, int], list[Json]] = {}
        self.dice: Iterator[int] | None = None
        self._last_message_id: defaultdict[int, int] = defaultdict(lambda: _FIRST_MESSAGE_ID)
        self._random = random.Random(1)

    # ---- what happens without the bot

    def note(self, update: Mapping[str, Any]) -> None:
        """Remember what an update tells, as Telegram knew it before it sent the update."""
        for kind, value in update.items():
            if kind in ("message", "edited_message", "channel_post", "edited_channel_post"):
                self._note_message(value)
            elif kind == "callback_query":
                self.people[value["from"]["id"]] = value["from"]
                self.presses.setdefault(value["id"], False)
            elif kind in ("my_chat_member", "chat_member"):
                self._note_change(value)

    def set_member(self, chat_id: int, user: Json, status: str = "member", **details: Any) -> Json:
        """Make a person (a User) a member of a chat, an administrator, the creator, or let them leave or be kicked."""
        self.people[user["id"]] = user
        kind = {"creator": "Owner", "kicked": "Banned"}.get(status, status.capitalize())
        member: Json = smallest_fields(api().types[f"ChatMember{kind}"]) | {"user": user, "status": status} | details
        if problems := check_object("ChatMember", member):
            raise ValueError("; ".join(problems))
        self.members[chat_id][user["id"]] = member
        return member

    def add_file(self, file_id: str, content: bytes, kind: str | None = None) -> None:
        """Keep a file, so that getFile and the download find it."""
        self.files[file_id] = content
        if kind is not None:
            self.file_kinds[file_id] = kind

    def wants(self, update: Mapping[str, Any]) -> bool:
        """Whether the bot has asked for this kind of update."""
        kinds = [kind for kind in update if kind != "update_id"]
        if self.allowed_updates:
            return all(kind in self.allowed_updates for kind in kinds)
        return not any(kind in _UNASKED_UPDATES for kind in kinds)

    def _note_message(self, message: Json) -> None:
        chat = message["chat"]
        self.chats[chat["id"]] = chat
        self.messages[chat["id"], message["message_id"]] = message
        self._last_message_id[chat["id"]] = max(self._last_message_id[chat["id"]], message["message_id"])
        if "from" in message:
            self.people[message["from"]["id"]] = message["from"]
            if "sender_chat" not in message:
                self._note_presence(chat["id"], message["from"])
        for kind in FILE_KINDS:
            for file in message.get(kind, ()) if kind == "photo" else filter(None, [message.get(kind)]):
                self.files.setdefault(file["file_id"], f"the bytes of {file['file_id']}".encode())
                self.file_kinds[file["file_id"]] = kind
        for user in message.get("new_chat_members", ()):
            self.people[user["id"]] = user
            self._note_presence(chat["id"], user)
        if left := message.get("left_chat_member"):
            self.set_member(chat["id"], left, "left")
        elif chat["id"] in self.closed:
            del self.closed[chat["id"]]  # what the bot hears from it is there again
        if new_id := message.get("migrate_to_chat_id"):
            self.migrated[chat["id"]] = new_id

    def _note_change(self, change: Json) -> None:
        chat, member = change["chat"], change["new_chat_member"]
        self.chats[chat["id"]] = chat
        self.people[change["from"]["id"]] = change["from"]
        self.people[member["user"]["id"]] = member["user"]
        self.members[chat["id"]][member["user"]["id"]] = member
        if member["user"]["id"] != self.me["id"]:
            return
        self.closed.pop(chat["id"], None)
        self.muted.discard(chat["id"])
        if chat["type"] == "private" and member["status"] == "kicked":
            self.closed[chat["id"]] = "Forbidden: bot was blocked by the user"
        elif member["status"] == "kicked":
            self.closed[chat["id"]] = f"Forbidden: bot was kicked from the {chat['type']} chat"
        elif member["status"] == "left":
            self.closed[chat["id"]] = f"Forbidden: bot is not a member of the {chat['type']} chat"
        elif member.get("can_send_messages") is False:
            self.muted.add(chat["id"])

    def _note_presence(self, chat_id: int, user: Json) -> None:
        known = self.members[chat_id].get(user["id"])
        if known is None or known["status"] not in PRESENT:
            self.set_member(chat_id, user)

    # ---- what the bot does

    def perform(self, method: str, params: Json) -> Any:
        """Do what a correct call asks for, and give its result.

        :raises Refusal: Telegram says no
        """
        if (own := _OWN.get(method)) is not None:
            return own(self, params)
        returned = api().methods[method].returns[0]
        if not method.startswith(("send", "forward", "copy")) or not returned.endswith(("Message", "MessageId")):
            return smallest(returned)
        messages = [self._send(method, params) for _ in params.get("message_ids", (1,))]
        if returned.endswith("MessageId"):
            messages = [{"message_id": message["message_id"]} for message in messages]
        return messages if returned.startswith(ARRAY) else messages[0]

    def _send(self, method: str, params: Json) -> Json:
        chat = self._writable(params)
        content = {"text": params["text"]} if method == "sendMessage" else self._content(kind_of(method), params)
        for name in _EDITED[1:]:
            if name in params and (name != "reply_markup" or "inline_keyboard" in params[name]):
                content[name] = params[name]
        return self._message(chat, params, content)

    def _send_group(self, params: Json) -> list[Json]:
        chat = self._writable(params)
        group = {"media_group_id": str(self._random.getrandbits(50))}
        return [
            self._message(chat, params, group | self._content(one["type"], one | {one["type"]: one["media"]}))
            for one in params["media"]
        ]

    def _content(self, kind: str, params: Json) -> Json:
        if kind in FILE_KINDS:
            return self._file_content(kind, params.get(kind))
        if kind == "dice":
            return {"dice": self._throw(params.get("emoji", "🎲"))}
        field = api().types["Message"].fields.get(kind)
        if field is None:
            return {}
        type_name = field.types[0]
        base = smallest(type_name)
        fields = api().types[type_name].fields
        given = {name: value for name, value in params.items() if name in fields}
        if kind == "poll":
            given["options"] = [smallest("PollOption") | {"text": one["text"]} for one in params["options"]]
        whole = base | given
        return {kind: base if check_object(type_name, whole) else whole}

    def _file_content(self, kind: str, file: Any) -> Json:
        if isinstance(file, Upload):
            if not file.content:
                raise Refusal(400, "Bad Request: file must be non-empty")
            if len(file.content) > (MOST_OF_A_PHOTO if kind == "photo" else MOST_UPLOADED):
                raise Refusal(413, "Request Entity Too Large")
            file_id = f"{kind}-uploaded-{len(self.files) + 1}"
            self.add_file(file_id, file.content, kind)
        else:
            file_id = str(file)
            known = self.file_kinds.get(file_id, kind)
            if {known, kind} not in ({kind}, {"animation", "document"}):
                word = known.capitalize()
                raise Refusal(400, f"Bad Request: can't use file of type {word} as {kind}", is_deviation=True)
        ids = {"file_id": file_id, "file_unique_id": unique_id(file_id), "file_size": len(self.files.get(file_id, b""))}
        if kind == "photo":
            return {"photo": [smallest("PhotoSize") | ids | {"width": 90, "height": 90}]}
        type_name = api().types["Message"].fields[kind].types[0]
        content = {kind: smallest(type_name) | ids}
        return content | {"document": ids} if kind == "animation" else content

    def _throw(self, emoji: str) -> Json:
        value = next(self.dice) if self.dice is not None else self._random.randint(1, dice_sides()[emoji])
        return {"emoji": emoji, "value": value}

    def _message(self, chat: Json, params: Json, content: Json) -> Json:
        self._last_message_id[chat["id"]] += 1
        message: Json = {
            "message_id": self._last_message_id[chat["id"]],
            "date": int(time.time()),
            "chat": chat,
            "from": {name: self.me[name] for name in ("id", "is_bot", "first_name", "username")},
            **content,
        }
        if thread := params.get("message_thread_id"):
            message |= {"message_thread_id": thread, "is_topic_message": True}
        if (replied := self._replied(chat["id"], params)) is not None:
            message["reply_to_message"] = {name: value for name, value in replied.items() if name != "reply_to_message"}
        self.messages[chat["id"], message["message_id"]] = message
        return message

    def _replied(self, chat_id: int, params: Json) -> Json | None:
        reply = params.get("reply_parameters")
        if reply is None:
            return None
        key = chat_id, reply["message_id"]
        if key not in self.deleted:
            return self.messages.get(key)
        if reply.get("allow_sending_without_reply") is not True:
            raise Refusal(400, "Bad Request: message to be replied not found")
        return None

    def _writable(self, params: Json) -> Json:
        """The chat of a call that writes there."""
        chat = self._chat(params)
        if chat["id"] in self.muted:
            raise Refusal(400, "Bad Request: not enough rights to send text messages to the chat")
        thread = params.get("message_thread_id")
        if thread is not None:
            if (chat["id"], thread) in self.gone_threads:
                raise Refusal(400, "Bad Request: message thread not found")
            if chat["id"] in self.chats and not chat.get("is_forum"):
                raise Refusal(400, "Bad Request: message thread not found", is_deviation=True)
        self._replied(chat["id"], params)
        return chat

    def _chat(self, params: Json) -> Json:
        asked = params["chat_id"]
        if isinstance(asked, str):
            found = [chat for chat in self.chats.values() if f"@{chat.get('username')}" == asked]
            if not found:
                raise Refusal(400, "Bad Request: chat not found")
            return found[0]
        if asked in self.migrated:
            description = "Bad Request: group chat was upgraded to a supergroup chat"
            raise Refusal(400, description, migrate_to_chat_id=self.migrated[asked])
        if asked in self.closed:
            raise Refusal(403, self.closed[asked])
        if asked in self.chats:
            return self.chats[asked]
        if asked > 0:
            return {"id": asked, "type": "private", "first_name": "x"}
        return {"id": asked, "type": "supergroup" if asked < -(10**12) else "group", "title": "x"}

    def _edit(self, params: Json) -> Json | bool:
        if "inline_message_id" in params:
            return True
        chat = self._chat(params)
        key = chat["id"], params["message_id"]
        message = self.messages.get(key)
        if message is None or key in self.deleted:
            raise Refusal(400, "Bad Request: message to edit not found")
        if message.get("from", {}).get("id") != self.me["id"]:
            raise Refusal(400, "Bad Request: message can't be edited", is_deviation=True)
        before = {name: message.get(name) for name in _EDITED}
        after = {name: params.get(name, message.get(name)) for name in _EDITED}
        after["reply_markup"] = params.get("reply_markup")
        if "text" in params:
            after["entities"] = params.get("entities")
        if before == after and "media" not in params:
            raise Refusal(
                400,
                "Bad Request: message is not modified: specified new message content and reply markup are exactly the "
                "same as a current content and reply markup of the message",
            )
        for name, value in after.items():
            message.pop(name, None)
            if value is not None:
                message[name] = value
        message["edit_date"] = int(time.time())
        return message

    def _delete_message(self, params: Json) -> bool:
        key = self._chat(params)["id"], params["message_id"]
        if key in self.deleted or key not in self.messages:
            raise Refusal(400, "Bad Request: message to delete not found")
        self.deleted.add(key)
        return True

    def _react(self, params: Json) -> bool:
        key = self._chat(params)["id"], params["message_id"]
        if key in self.deleted:
            raise Refusal(400, "Bad Request: message to react not found")
        self.reactions[key] = params.get("reaction", [])
        return True

    def _answer_press(self, params: Json) -> bool:
        press_id = params["callback_query_id"]
        if self.presses.get(press_id):
            description = "Bad Request: query is too old and response timeout expired or query ID is invalid"
            raise Refusal(400, description, is_deviation=True)
        self.presses[press_id] = True
        return True

    def _get_member(self, params: Json) -> Json:
        chat, user_id = self._chat(params), params["user_id"]
        if user_id in self.members[chat["id"]]:
            return self.members[chat["id"]][user_id]
        user = self.me if user_id == self.me["id"] else self.people.get(user_id)
        if user is None:
            raise Refusal(400, "Bad Request: user not found")
        status = "member" if user is self.me or user_id == chat["id"] else "left"
        return smallest_fields(api().types[f"ChatMember{status.capitalize()}"]) | {"user": user, "status": status}

    def _get_administrators(self, params: Json) -> list[Json]:
        chat = self._chat(params)
        if chat["type"] == "private":
            raise Refusal(400, "Bad Request: there are no administrators in the private chat")
        return [
            one
            for one in self.members[chat["id"]].values()
            if one["status"] in PRESENT[:2] and (not one["user"]["is_bot"] or one["user"]["id"] == self.me["id"])
        ]

    def _get_chat(self, params: Json) -> Json:
        return smallest_fields(api().types["ChatFullInfo"]) | self._chat(params)

    def _count_members(self, params: Json) -> int:
        return sum(one["status"] in PRESENT for one in self.members[self._chat(params)["id"]].values()) + 1

    def _leave(self, params: Json) -> bool:
        chat = self._chat(params)
        self.closed[chat["id"]] = f"Forbidden: bot is not a member of the {chat['type']} chat"
        return True

    def _get_file(self, params: Json) -> Json:
        file_id = params["file_id"]
        if file_id not in self.files:
            raise Refusal(400, "Bad Request: wrong file_id or the file is temporarily unavailable")
        if len(self.files[file_id]) > MOST_DOWNLOADED:
            raise Refusal(400, "Bad Request: file is too big")
        kind = self.file_kinds.get(file_id, "document")
        path = f"{kind}s/file_{list(self.files).index(file_id)}{_EXTENSIONS.get(kind, '')}"
        self.links[path] = file_id
        return {
            "file_id": file_id,
            "file_unique_id": unique_id(file_id),
            "file_size": len(self.files[file_id]),
            "file_path": path,
        }

    def download(self, path: str) -> bytes:
        """The bytes behind a link that getFile has given."""
        if self.links.get(path) not in self.files:
            raise Refusal(404, "Not Found")
        return self.files[self.links[path]]

    def _set_webhook(self, params: Json) -> bool:
        self._allow(params)
        self.webhook = params if params["url"] else {}
        self.webhook_error = None
        self._drop(params)
        return True

    def _delete_webhook(self, params: Json) -> bool:
        self.webhook = {}
        self._drop(params)
        return True

    def _drop(self, params: Json) -> None:
        if params.get("drop_pending_updates"):
            self.queue.clear()

    def _allow(self, params: Json) -> None:
        self.allowed_updates = params.get("allowed_updates", self.allowed_updates)

    def _webhook_info(self, _params: Json) -> Json:
        info: Json = {
            "url": self.webhook.get("url", ""),
            "has_custom_certificate": "certificate" in self.webhook,
            "pending_update_count": len(self.queue),
        }
        if self.allowed_updates:
            info["allowed_updates"] = self.allowed_updates
        if self.webhook:
            info["max_connections"] = self.webhook.get("max_connections", 40)
            if self.webhook_error is not None:
                info["last_error_date"], info["last_error_message"] = self.webhook_error
        return info

    def _set_commands(self, params: Json) -> bool:
        self.commands[_audience(params)] = params["commands"]
        return True

    def _get_commands(self, params: Json) -> list[Json]:
        return self.commands.get(_audience(params), [])

    def _delete_commands(self, params: Json) -> bool:
        self.commands.pop(_audience(params), None)
        return True

    def take_updates(self, params: Json) -> list[Json]:
        """What getUpdates gives now; updates before the offset are confirmed and forgotten."""
        self._allow(params)
        offset = params.get("offset", 0)
        if offset < 0:
            del self.queue[:offset]
        else:
            self.queue = [update for update in self.queue if update["update_id"] >= offset]
        return self.queue[: params.get("limit", 100)]


def kind_of(method: str) -> str:
    """What a method sends: sendMessage -> text, sendVideoNote -> video_note."""
    word = method.removeprefix("send")
    return "text" if word == "Message" else _CAPITAL.sub("_", word).lower()


def unique_id(file_id: str) -> str:
    """The id that is the same for equal files; the files of these tests are equal when their ids are."""
    return f"unique-{file_id}"


def dice_sides() -> dict[str, int]:
    """The highest value of every dice emoji."""
    said = _DICE.findall(api().types["Dice"].fields["value"].description)
    return {emoji: int(high) for high, emojis in said for emoji in re.findall(r'"([^"]+)"', emojis)}


def _audience(params: Json) -> tuple[str, str]:
    return json.dumps(params.get("scope", {"type": "default"}), sort_keys=True), params.get("language_code", "")


_OWN: dict[str, Callable[[World, Json], Any]] = {
    "getMe": lambda world, _params: world.me,
    "setWebhook": World._set_webhook,
    "deleteWebhook": World._delete_webhook,
    "getWebhookInfo": World._webhook_info,
    "setMyCommands": World._set_commands,
    "getMyCommands": World._get_commands,
    "deleteMyCommands": World._delete_commands,
    "editMessageText": World._edit,
    "editMessageCaption": World._edit,
    "editMessageMedia": World._edit,
    "editMessageReplyMarkup": World._edit,
    "deleteMessage": World._delete_message,
    "setMessageReaction": World._react,
    "answerCallbackQuery": World._answer_press,
    "getChatMember": World._get_member,
    "getChatAdministrators": World._get_administrators,
    "getChatMemberCount": World._count_members,
    "getChat": World._get_chat,
    "leaveChat": World._leave,
    "getFile": World._get_file,
    "sendMediaGroup": World._send_group,
    "sendChatAction": lambda world, params: bool(world._chat(params)),
}
