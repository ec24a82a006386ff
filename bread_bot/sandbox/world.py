"""What the sandbox's Telegram knows: people, chats, messages; all of it the sum of what has happened."""

import time
from collections import defaultdict
from typing import Any

from bread_bot.sandbox.switch import SANDBOX_TOKEN

Json = dict[str, Any]

BOT: Json = {
    "id": int(SANDBOX_TOKEN.partition(":")[0]),
    "is_bot": True,
    "first_name": "Хлебушек",
    "username": "bread_sandbox_bot",
}
PEOPLE: dict[int, Json] = {
    number: {"id": number, "is_bot": False, "first_name": name, "username": username}
    for number, name, username in (
        (101, "Анна", "anna"),
        (102, "Борис", "boris"),
        (103, "Вера", "vera"),
        (104, "Глеб", "gleb"),
        (105, "Дарья", "darya"),
    )
}
GROUP, SUPERGROUP, FORUM = -500, -1000000000500, -1000000000700
TOPICS = {11: "Рецепты", 12: "Болталка"}
PRESENT = ("creator", "administrator", "member")


class World:
    """The state; `apply` is the only way to change it."""

    def __init__(self) -> None:
        self.chats: dict[int, Json] = {
            101: {"id": 101, "type": "private", "first_name": "Анна", "username": "anna"},
            GROUP: {"id": GROUP, "type": "group", "title": "Пекарня"},
            FORUM: {"id": FORUM, "type": "supergroup", "title": "Форум хлебопёков", "is_forum": True},
        }
        self.members: dict[int, dict[int, str]] = {
            chat_id: {**dict.fromkeys(PEOPLE, "member"), 101: "creator", BOT["id"]: "member"}
            for chat_id in (GROUP, FORUM)
        }
        self.members[101] = {101: "member", BOT["id"]: "member"}
        self.messages: dict[tuple[int, int], Json] = {}
        self.migrated: dict[int, int] = {}
        self.waiting: dict[int, Json] = {}
        self.webhook: Json = {}
        self.mode = "normal"
        self.last_update = 0
        self._last_message: defaultdict[int, int] = defaultdict(int)

    def apply(self, event: Json) -> None:
        """Take in what has happened."""
        match event:
            case {"type": "message" | "edit", "message": message}:
                key = message["chat"]["id"], message["message_id"]
                self.messages[key] = message
                self._last_message[key[0]] = max(self._last_message[key[0]], key[1])
            case {"type": "delete", "chat_id": chat_id, "message_id": message_id}:
                self.messages.pop((chat_id, message_id), None)
            case {"type": "member", "chat_id": chat_id, "user_id": user_id, "status": status}:
                self.members[chat_id][user_id] = status
            case {"type": "upgrade", "chat": chat, "old_chat_id": old_id}:
                self.migrated[old_id] = chat["id"]
                self.chats.pop(old_id)
                self.chats[chat["id"]] = chat
                self.members[chat["id"]] = self.members.pop(old_id)
                self._last_message[chat["id"]] = self._last_message[old_id]
                for key in [key for key in self.messages if key[0] == old_id]:
                    self.messages[chat["id"], key[1]] = self.messages.pop(key) | {"chat": chat}
            case {"type": "update", "update": update}:
                self.last_update = update["update_id"]
                self.waiting[update["update_id"]] = update
            case {"type": "handled", "update_id": update_id}:
                self.waiting.pop(update_id, None)
            case {"type": "webhook", "webhook": webhook}:
                self.webhook = webhook
            case {"type": "mode", "mode": mode}:
                self.mode = mode

    def new_message(self, chat_id: int, sender: Json, content: Json, thread: int | None, reply: int | None) -> Json:
        """A message that is about to be sent."""
        message: Json = {
            "message_id": self._last_message[chat_id] + 1,
            "date": int(time.time()),
            "chat": self.chats[chat_id],
            "from": sender,
            **content,
        }
        if thread is not None:
            message |= {"message_thread_id": thread, "is_topic_message": True}
        if reply is not None and (replied := self.messages.get((chat_id, reply))) is not None:
            message["reply_to_message"] = {key: value for key, value in replied.items() if key != "reply_to_message"}
        return message

    def member(self, chat_id: int, user_id: int) -> Json:
        """A ChatMember."""
        user = BOT if user_id == BOT["id"] else PEOPLE[user_id]
        return {"status": self.members[chat_id].get(user_id, "left"), "user": user}
