"""The sandbox's Telegram: what people do in it, and what the pages and the bot are told of that."""

import asyncio
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from bread_bot.bot.models import HandledUpdate
from bread_bot.main.database.base import async_session
from bread_bot.sandbox import files, polls
from bread_bot.sandbox.files import FILE_KINDS
from bread_bot.sandbox.history import History
from bread_bot.sandbox.refusal import Refusal
from bread_bot.sandbox.traces import Traces
from bread_bot.sandbox.world import ADMINISTRATORS, BOT, OWNER, PEOPLE, PRESENT, Json, World
from bread_bot.utils.text import utf16_length

TEXT_LIMIT = 4096
CAPTION_LIMIT = 1024


class Telegram:
    """The small Telegram: its state, its log, and those who wait for news.

    What happens is taken into the world at once, by `happen`; `settle` keeps it and tells the pages.
    """

    def __init__(self) -> None:
        self.world = World()
        self.history = History()
        self.traces = Traces()
        self.news = asyncio.Condition()
        self.is_closing = False
        self._unwritten: list[Json] = []
        self._writing = asyncio.Lock()

    async def start(self) -> None:
        """Remember what has happened before."""
        for number, event in await self.history.read():
            self.world.apply(event)
            self.history.last = number

    async def close(self) -> None:
        """Let everybody who waits for news end: the server waits for them."""
        self.is_closing = True
        async with self.news:
            self.news.notify_all()

    # ---- events

    def happen(self, kind: str, **details: Any) -> None:
        """Take in what happens."""
        event = {"type": kind, "at": round(time.time(), 3), **details}
        self.world.apply(event)
        self._unwritten.append(event)

    async def settle(self) -> None:
        """Keep what has happened, and tell those who wait for it."""
        async with self._writing:
            if events := self._unwritten[:]:
                await self.history.append(events)
                del self._unwritten[: len(events)]
                await self.history.prune()
        async with self.news:
            self.news.notify_all()

    async def wait_for_news(self, after: int, seconds: float) -> None:
        """Wait until something has happened after an event, the server stops, or the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self.news:
                await self.news.wait_for(lambda: self.history.last > after or self.is_closing)

    # ---- what people do

    async def say(self, chat_id: int, user_id: int, content: Json, thread: int | None, reply: int | None) -> None:
        """Somebody sends a message."""
        self._check_present(chat_id, user_id)
        self.check_thread(chat_id, user_id, thread)
        if (
            utf16_length(content.get("text", "")) > TEXT_LIMIT
            or utf16_length(content.get("caption", "")) > CAPTION_LIMIT
        ):
            raise Refusal(400, "The message is too long")
        self._send(chat_id, PEOPLE[user_id], content, thread, reply)
        await self.settle()

    async def edit(self, chat_id: int, message_id: int, text: str) -> None:
        """Somebody changes what they wrote."""
        message = self.message(chat_id, message_id)
        is_medium = any(kind in message for kind in FILE_KINDS)
        if message["from"]["is_bot"] or not is_medium and "text" not in message:
            raise Refusal(400, "This message can't be edited")
        changed = {**message, "caption" if is_medium else "text": text, "edit_date": int(time.time())}
        self.happen("edit", message=changed)
        self.tell(edited_message=changed)
        await self.settle()

    async def delete(self, chat_id: int, message_id: int) -> None:
        """Somebody deletes a message; bots are not told."""
        self.message(chat_id, message_id)
        self.happen("delete", chat_id=chat_id, message_id=message_id)
        await self.settle()

    async def react(self, chat_id: int, message_id: int, user_id: int, emoji: list[str]) -> None:
        """Somebody reacts to a message; a bot is told as an administrator."""
        self._check_present(chat_id, user_id)
        self.message(chat_id, message_id)
        before = self.world.reactions[chat_id, message_id].get(user_id, [])
        self.happen("reaction", chat_id=chat_id, message_id=message_id, user_id=user_id, emoji=emoji)
        if self.world.status(chat_id, BOT["id"]) in ADMINISTRATORS:
            old, new = ([{"type": "emoji", "emoji": one} for one in each] for each in (before, emoji))
            where = {"chat": self.world.chats[chat_id], "message_id": message_id, "date": int(time.time())}
            self.tell(message_reaction={**where, "user": PEOPLE[user_id], "old_reaction": old, "new_reaction": new})
        await self.settle()

    async def press(self, chat_id: int, message_id: int, user_id: int, data: str) -> None:
        """Somebody presses an inline button."""
        self._check_present(chat_id, user_id)
        message = self.message(chat_id, message_id)
        rows = message.get("reply_markup", {}).get("inline_keyboard", ())
        if all(button.get("callback_data") != data for row in rows for button in row):
            raise Refusal(400, "There is no such button")
        press = {"id": secrets.token_hex(8), "from": PEOPLE[user_id], "message": message, "data": data}
        self.tell(callback_query={**press, "chat_instance": str(chat_id)})
        await self.settle()

    async def vote(self, chat_id: int, message_id: int, user_id: int, chosen: Sequence[int]) -> None:
        """Somebody votes, changes their vote, or takes it back."""
        self._check_present(chat_id, user_id)
        message = self.message(chat_id, message_id)
        if "poll" not in message:
            raise Refusal(400, "There is no poll in this message")
        key = chat_id, message_id
        polls.check_vote(message["poll"], self.world.votes[key].get(user_id, ()), chosen)
        self.happen("vote", chat_id=chat_id, message_id=message_id, user_id=user_id, option_ids=list(chosen))
        poll = polls.counted(message["poll"], self.world.votes[key])
        self.happen("edit", message={**message, "poll": poll})
        if message["from"] == BOT:
            self.tell(poll=poll)
            if not poll["is_anonymous"]:
                persistent = [poll["options"][number]["persistent_id"] for number in chosen]
                answer = {"poll_id": poll["id"], "user": PEOPLE[user_id], "option_ids": list(chosen)}
                self.tell(poll_answer=answer | {"option_persistent_ids": persistent})
        await self.settle()

    async def change_member(self, chat_id: int, user_id: int, status: str) -> None:
        """Somebody, or the bot, joins, leaves or is promoted; who shuts the bot out of a private chat blocks it."""
        is_bot, chat = user_id == BOT["id"], self.world.chats[chat_id]
        if is_bot and status == "left":
            status = "kicked"
        old = self.world.member(chat_id, user_id)
        if old["status"] == status:
            return
        self.happen("member", chat_id=chat_id, user_id=user_id, status=status)
        new = self.world.member(chat_id, user_id)
        actor = PEOPLE[OWNER] if is_bot else PEOPLE[user_id]
        change = {"chat": chat, "from": actor, "date": int(time.time()), "old_chat_member": old, "new_chat_member": new}
        if is_bot:
            self.tell(my_chat_member=change)
        elif self.world.status(chat_id, BOT["id"]) in ADMINISTRATORS:
            self.tell(chat_member=change)
        if chat["type"] != "private" and (old["status"] in PRESENT) != (status in PRESENT):
            came = status in PRESENT
            content = {"new_chat_members": [new["user"]]} if came else {"left_chat_member": new["user"]}
            self._send(chat_id, actor, content)
        await self.settle()

    async def close_topic(self, chat_id: int, thread: int, is_closed: bool) -> None:
        """The owner closes a topic, or opens it again."""
        self.check_thread(chat_id, OWNER, thread)
        self.happen("topic", chat_id=chat_id, thread_id=thread, is_closed=is_closed)
        content: Json = {"forum_topic_closed" if is_closed else "forum_topic_reopened": {}}
        self._send(chat_id, PEOPLE[OWNER], content, thread)
        await self.settle()

    async def upgrade(self, chat_id: int, new_id: int) -> None:
        """A group becomes a supergroup."""
        old = self.world.chats[chat_id]
        message = self.world.new_message(chat_id, PEOPLE[OWNER], {"migrate_to_chat_id": new_id}, None, None)
        self.happen("upgrade", chat={**old, "id": new_id, "type": "supergroup"}, old_chat_id=chat_id)
        self.tell(message=message)
        self._send(new_id, PEOPLE[OWNER], {"migrate_from_chat_id": chat_id})
        await self.settle()

    async def begin_anew(self) -> None:
        """Forget all that has happened; the bot stays known, and its updates are numbered on."""
        self.happen("reset", last_update=self.world.last_update)
        await self.settle()
        await files.forget_all()

    def _send(
        self, chat_id: int, sender: Json, content: Json, thread: int | None = None, reply: int | None = None
    ) -> None:
        message = self.world.new_message(chat_id, sender, content, thread, reply)
        self.happen("message", message=message)
        if self.world.status(chat_id, BOT["id"]) in PRESENT or content.get("left_chat_member") == BOT:
            self.tell(message=message)

    # ---- what is there

    def message(self, chat_id: int, message_id: int, reason: str = "message not found") -> Json:
        """A message.

        :raises Refusal: it is not there, said in the words of `reason`
        """
        if (message := self.world.messages.get((chat_id, message_id))) is None:
            raise Refusal(400, f"Bad Request: {reason}")
        return message

    def check_thread(self, chat_id: int, user_id: int, thread: int | None) -> None:
        """Refuse a topic that is not there, or closed to this user."""
        if thread is None:
            return
        if not self.world.has_topic(chat_id, thread):
            raise Refusal(400, "Bad Request: message thread not found")
        is_administrator = self.world.status(chat_id, user_id) in ADMINISTRATORS
        if (chat_id, thread) in self.world.closed_topics and not is_administrator:
            raise Refusal(400, "Bad Request: TOPIC_CLOSED")

    def _check_present(self, chat_id: int, user_id: int) -> None:
        if self.world.status(chat_id, user_id) not in PRESENT:
            raise Refusal(403, "The person is not in the chat")

    # ---- to the bot

    def tell(self, **happened: Json) -> None:
        """Let an update wait for the bot, if it has asked for such."""
        (kind,) = happened
        if self.world.wants(kind):
            self.happen("update", update={"update_id": self.world.last_update + 1, **files.told(happened)})

    async def note_handled(self, update_id: int, trace_id: str | None, milliseconds: float | None) -> None:
        """The bot has taken an update: it waits no more, and the bot's own mark tells what came of it."""
        async with async_session() as session:
            mark = await HandledUpdate.async_first(
                session, HandledUpdate.bot_id == BOT["id"], HandledUpdate.update_id == update_id
            )
        why = {"command": mark and mark.command, "outcome": mark and mark.outcome}
        self.happen("handled", update_id=update_id, trace_id=trace_id, ms=milliseconds, **why)
        await self.settle()


def chat_of(update: Json) -> int | None:
    """The chat that an update is about; a vote is about none."""
    (what,) = (value for name, value in update.items() if name != "update_id")
    found = what.get("message", what).get("chat")
    return int(found["id"]) if found else None
