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
OWNER = 101
GROUP, SUPERGROUP, FORUM = -500, -1000000000500, -1000000000700
TOPICS = {11: "Рецепты", 12: "Болталка"}
ADMINISTRATORS = ("creator", "administrator")
PRESENT = (*ADMINISTRATORS, "member")
MESSAGES_KEPT = 500  # the last ones of each chat
# What Telegram tells only to those who ask for it by name.
NOT_BY_DEFAULT = ("chat_member", "message_reaction", "message_reaction_count")

_ADMINISTRATOR = {"can_be_edited": False, "is_anonymous": False} | dict.fromkeys(
    (
        "can_manage_chat",
        "can_delete_messages",
        "can_manage_video_chats",
        "can_restrict_members",
        "can_promote_members",
        "can_change_info",
        "can_invite_users",
        "can_post_stories",
        "can_edit_stories",
        "can_delete_stories",
    ),
    True,
)
_DETAILS: dict[str, Json] = {
    "creator": {"is_anonymous": False},
    "administrator": _ADMINISTRATOR,
    "kicked": {"until_date": 0},
}


class World:
    """The state; `apply` is the only way to change it."""

    def __init__(self) -> None:
        self.webhook: Json = {}
        self.allowed_updates: list[str] = []
        self.commands: dict[str, list[Json]] = {}
        self._begin(0)

    def _begin(self, last_update: int) -> None:
        self.chats: dict[int, Json] = {
            OWNER: {"id": OWNER, "type": "private", "first_name": "Анна", "username": "anna"},
            GROUP: {"id": GROUP, "type": "group", "title": "Пекарня"},
            FORUM: {"id": FORUM, "type": "supergroup", "title": "Форум хлебопёков", "is_forum": True},
        }
        self.members: dict[int, dict[int, str]] = {
            chat_id: {**dict.fromkeys(PEOPLE, "member"), OWNER: "creator", BOT["id"]: "member"}
            for chat_id in (GROUP, FORUM)
        }
        self.members[OWNER] = {OWNER: "member", BOT["id"]: "member"}
        self.messages: dict[tuple[int, int], Json] = {}
        self.votes: defaultdict[tuple[int, int], dict[int, list[int]]] = defaultdict(dict)
        self.reactions: defaultdict[tuple[int, int], dict[int, list[str]]] = defaultdict(dict)
        self.closed_topics: set[tuple[int, int]] = set()
        self.migrated: dict[int, int] = {}
        self.presses: dict[str, float] = {}
        self.waiting: dict[int, Json] = {}
        self.mode = "normal"
        self.last_update = last_update
        self._last_message: defaultdict[int, int] = defaultdict(int)

    def apply(self, event: Json) -> None:
        """Take in what has happened."""
        match event:
            case {"type": "message" | "edit", "message": message}:
                self._take_message(message["chat"]["id"], message["message_id"], message)
            case {"type": "delete", "chat_id": chat_id, "message_id": message_id}:
                self._take_message(chat_id, message_id, None)
            case {"type": "vote", "chat_id": chat_id, "message_id": message_id, "user_id": user_id}:
                self.votes[chat_id, message_id][user_id] = event["option_ids"]
            case {"type": "reaction", "chat_id": chat_id, "message_id": message_id, "user_id": user_id}:
                self.reactions[chat_id, message_id][user_id] = event["emoji"]
            case {"type": "member", "chat_id": chat_id, "user_id": user_id, "status": status}:
                self.members[chat_id][user_id] = status
            case {"type": "topic", "chat_id": chat_id, "thread_id": thread_id, "is_closed": is_closed}:
                (self.closed_topics.add if is_closed else self.closed_topics.discard)((chat_id, thread_id))
            case {"type": "upgrade", "chat": chat, "old_chat_id": old_id}:
                self._upgrade(old_id, chat)
            case {"type": "update", "update": update}:
                self.last_update = update["update_id"]
                self.waiting[update["update_id"]] = update
                if (press := update.get("callback_query")) is not None:
                    self.presses[press["id"]] = event["at"]
            case {"type": "handled", "update_id": update_id}:
                self.waiting.pop(update_id, None)
            case {"type": "answered", "query_id": query_id}:
                self.presses.pop(query_id, None)
            case {"type": "webhook", "webhook": webhook}:
                self.webhook = webhook
            case {"type": "allowed", "kinds": kinds}:
                self.allowed_updates = kinds
            case {"type": "commands", "audience": audience, "commands": commands}:
                self.commands[audience] = commands
            case {"type": "mode", "mode": mode}:
                self.mode = mode
            case {"type": "reset", "last_update": last_update}:
                self._begin(last_update)

    def _take_message(self, chat_id: int, message_id: int, message: Json | None) -> None:
        self._last_message[chat_id] = max(self._last_message[chat_id], message_id)
        gone = self._last_message[chat_id] - MESSAGES_KEPT if message is not None else message_id
        for kept in self._of_messages:
            kept.pop((chat_id, gone), None)
        if message is not None:
            self.messages[chat_id, message_id] = message

    def _upgrade(self, old_id: int, chat: Json) -> None:
        new_id = chat["id"]
        self.migrated[old_id] = new_id
        self.chats.pop(old_id)
        self.chats[new_id] = chat
        self.members[new_id] = self.members.pop(old_id)
        self._last_message[new_id] = self._last_message[old_id]
        for kept in self._of_messages:
            for key in [key for key in kept if key[0] == old_id]:
                kept[new_id, key[1]] = kept.pop(key)
        for key, message in self.messages.items():
            if key[0] == new_id:
                self.messages[key] = message | {"chat": chat}

    @property
    def _of_messages(self) -> tuple[dict[tuple[int, int], Any], ...]:
        """What is kept by the chat and the number of a message."""
        return self.messages, self.votes, self.reactions

    def has_topic(self, chat_id: int, thread: int) -> bool:
        """Whether a chat is a forum with such a topic."""
        return bool(self.chats[chat_id].get("is_forum")) and thread in TOPICS

    def wants(self, kind: str) -> bool:
        """Whether the bot has asked for updates of a kind."""
        return kind in self.allowed_updates if self.allowed_updates else kind not in NOT_BY_DEFAULT

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

    def status(self, chat_id: int, user_id: int) -> str:
        """creator, administrator, member, left or kicked."""
        return self.members[chat_id].get(user_id, "left")

    def member(self, chat_id: int, user_id: int) -> Json:
        """A ChatMember."""
        status = self.status(chat_id, user_id)
        user = BOT if user_id == BOT["id"] else PEOPLE[user_id]
        return {"status": status, "user": user} | _DETAILS.get(status, {})
