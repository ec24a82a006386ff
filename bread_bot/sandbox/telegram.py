"""The sandbox's Telegram at work: what people do goes to the bot's webhook, what the bot calls comes to the people."""

import asyncio
import hashlib
import logging
import random
import secrets
import time
from collections import OrderedDict, defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from bread_bot.bot.models.delivery import HandledUpdate
from bread_bot.main.database.base import async_session
from bread_bot.sandbox.models import SandboxEvent, SandboxFile
from bread_bot.sandbox.switch import SANDBOX_URL
from bread_bot.sandbox.world import BOT, PEOPLE, PRESENT, Json, World
from bread_bot.utils.base_client import BaseHTTPClient, ClientError

if TYPE_CHECKING:
    from opencensus.trace.span_data import SpanData

logger = logging.getLogger(__name__)

FILE_KINDS = ("photo", "voice", "sticker", "animation", "video", "video_note", "audio", "document")
_KEPT_TRACES = 50
_RETRY_SECONDS = 1.0
_DICE = {"🎲": 6, "🎯": 6, "🎳": 6, "🏀": 5, "⚽": 5, "🎰": 64}


class Refusal(Exception):
    """Telegram says no, in its own words."""

    def __init__(self, status: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.status = status
        self.parameters = parameters


class Telegram:
    """The small Telegram: its state, what it tells the page, and the way to the bot."""

    def __init__(self) -> None:
        self.world = World()
        self.is_closing = False
        self._news = asyncio.Condition()
        self._writing = asyncio.Lock()
        self._last_event = 0
        self._webhook = BaseHTTPClient(SANDBOX_URL, timeout=60)
        self._delivering: asyncio.Task[None] | None = None
        self._traces: OrderedDict[str, list[Json]] = OrderedDict()

    async def start(self) -> None:
        """Remember what has happened before, and deliver what still waits."""
        for event_id, event in await self.events(0):
            self.world.apply(event)
            self._last_event = event_id
        self._delivering = asyncio.create_task(self._deliver(), name="sandbox delivery")

    async def stop(self) -> None:
        """End the delivery and the streams."""
        await self.end_streams()
        if self._delivering is not None:
            self._delivering.cancel()
            with suppress(asyncio.CancelledError):
                await self._delivering

    async def end_streams(self) -> None:
        """Let every open stream of events end: the server waits for them."""
        self.is_closing = True
        async with self._news:
            self._news.notify_all()

    # ---- events

    async def happen(self, kind: str, **details: Any) -> None:
        """Keep an event, take it in, and tell the pages."""
        event = {"type": kind, "at": round(time.time(), 3), **details}
        async with self._writing:
            async with async_session() as session, session.begin():
                session.add(SandboxEvent(id=self._last_event + 1, value=event))
            self._last_event += 1
            self.world.apply(event)
        async with self._news:
            self._news.notify_all()

    async def events(self, after: int) -> list[tuple[int, Json]]:
        """What happened after an event, in order."""
        async with async_session() as session:
            query = select(SandboxEvent).where(SandboxEvent.id > after).order_by(SandboxEvent.id)
            return [(one.id, one.value) for one in await session.scalars(query)]

    async def wait_for_news(self, after: int, seconds: float) -> None:
        """Wait until something has happened after an event, the server stops, or the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._news:
                await self._news.wait_for(lambda: self._last_event > after or self.is_closing)

    # ---- what people do

    async def say(self, chat_id: int, user_id: int, content: Json, thread: int | None, reply: int | None) -> None:
        """Somebody sends a message."""
        if self.world.members[chat_id].get(user_id) not in PRESENT:
            raise Refusal(403, "Forbidden: the person is not in the chat")
        message = self.world.new_message(chat_id, PEOPLE[user_id], content, thread, reply)
        await self.happen("message", message=message)
        await self.tell(message=message)

    async def edit(self, chat_id: int, message_id: int, text: str) -> None:
        """Somebody changes what they wrote."""
        message = self._message(chat_id, message_id)
        field = "caption" if any(kind in message for kind in FILE_KINDS) else "text"
        message = {**message, field: text, "edit_date": int(time.time())}
        await self.happen("edit", message=message)
        await self.tell(edited_message=message)

    async def press(self, chat_id: int, message_id: int, user_id: int, data: str) -> None:
        """Somebody presses an inline button."""
        message = self._message(chat_id, message_id)
        press = {"id": secrets.token_hex(8), "from": PEOPLE[user_id], "message": message, "data": data}
        await self.tell(callback_query={**press, "chat_instance": str(chat_id)})

    async def change_member(self, chat_id: int, user_id: int, status: str) -> None:
        """Somebody, or the bot, joins or leaves."""
        old = self.world.member(chat_id, user_id)
        await self.happen("member", chat_id=chat_id, user_id=user_id, status=status)
        new = self.world.member(chat_id, user_id)
        kind = "my_chat_member" if user_id == BOT["id"] else "chat_member"
        actor = PEOPLE[101] if user_id == BOT["id"] else PEOPLE[user_id]
        chat = self.world.chats[chat_id]
        change = {"chat": chat, "from": actor, "date": int(time.time()), "old_chat_member": old, "new_chat_member": new}
        await self.tell(**{kind: change})
        content = {"new_chat_members": [new["user"]]} if status in PRESENT else {"left_chat_member": new["user"]}
        message = self.world.new_message(chat_id, actor, content, None, None)
        await self.happen("message", message=message)
        if chat["type"] != "private":
            await self.tell(message=message)

    async def upgrade(self, chat_id: int, new_id: int) -> None:
        """A group becomes a supergroup."""
        old = self.world.chats[chat_id]
        message = self.world.new_message(chat_id, PEOPLE[101], {"migrate_to_chat_id": new_id}, None, None)
        await self.happen("upgrade", chat={**old, "id": new_id, "type": "supergroup"}, old_chat_id=chat_id)
        await self.tell(message=message)
        content = {"migrate_from_chat_id": chat_id}
        message = self.world.new_message(new_id, PEOPLE[101], content, None, None)
        await self.happen("message", message=message)
        await self.tell(message=message)

    async def store_file(self, kind: str, name: str, mime: str, content: bytes) -> str:
        """Keep a medium; gives its file_id."""
        digest = hashlib.sha256(content).hexdigest()[:20]
        async with async_session() as session, session.begin():
            kept = await SandboxFile.async_create(
                session, name=name, kind=kind, mime=mime, digest=digest, content=content
            )
        return str(kept.id)

    async def file(self, file_id: str) -> SandboxFile | None:
        """A medium by its id."""
        if not file_id.isdecimal() or len(file_id) > 18:
            return None
        async with async_session() as session:
            return await SandboxFile.async_get(session, int(file_id))

    async def medium(self, kind: str, file_id: str) -> Json:
        """The fields of a message that carry a medium.

        :raises Refusal: there is no such file
        """
        kept = await self.file(file_id)
        if kept is None:
            raise Refusal(400, "Bad Request: wrong file identifier/HTTP URL specified")
        file: Json = {
            "file_id": file_id,
            "file_unique_id": kept.digest,
            "file_size": len(kept.content),
            "mime_type": kept.mime,
            "file_name": kept.name,
        }
        size = {"width": 320, "height": 320}
        match kind:
            case "photo":
                return {"photo": [file | size]}
            case "animation":
                return {"animation": file | size | {"duration": 3}, "document": file}
            case "sticker":
                return {"sticker": file | size | {"type": "regular", "is_animated": False, "is_video": False}}
            case "video_note":
                return {"video_note": file | {"length": 320, "duration": 3}}
        return {kind: file | {"duration": 2}}

    # ---- to the bot

    async def tell(self, **happened: Json) -> None:
        """Let an update wait for the bot."""
        (kind,) = happened
        allowed = self.world.webhook.get("allowed_updates", ())
        if not allowed or kind in allowed:
            await self.happen("update", update={"update_id": self.world.last_update + 1, **happened})

    async def _deliver(self) -> None:
        while True:
            async with self._news:
                await self._news.wait_for(lambda: self.world.waiting and self.world.webhook)
            update = next(iter(self.world.waiting.values()))
            trace_id = secrets.token_hex(16)
            headers = {
                "x-telegram-bot-api-secret-token": self.world.webhook.get("secret_token", ""),
                "traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01",
            }
            begun = time.monotonic()
            try:
                await self._webhook.request("POST", "/", json=update, headers=headers)
            except ClientError as error:
                logger.warning("The webhook does not take an update, it is sent again: %s", error)
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            spent = round((time.monotonic() - begun) * 1000, 1)
            why = await self._why(update["update_id"])
            await self.happen("handled", update_id=update["update_id"], trace_id=trace_id, ms=spent, **why)

    async def _why(self, update_id: int) -> Json:
        async with async_session() as session:
            mark = await HandledUpdate.async_first(
                session, HandledUpdate.bot_id == BOT["id"], HandledUpdate.update_id == update_id
            )
        return {"command": mark and mark.command, "outcome": mark and mark.outcome}

    def take_span(self, span: "SpanData") -> None:
        """Keep a finished span, with the other ones of its trace."""
        trace_id = span.context.trace_id
        spans = self._traces.setdefault(trace_id, [])
        spans.append(
            {
                "id": span.span_id,
                "parent": span.parent_span_id,
                "name": span.name,
                "begin": span.start_time,
                "end": span.end_time,
                "attributes": span.attributes,
            }
        )
        while len(self._traces) > _KEPT_TRACES:
            self._traces.popitem(last=False)

    def trace(self, trace_id: str) -> list[Json]:
        """The spans of a trace so far, without what this Telegram itself did."""
        spans = self._traces.get(trace_id, [])
        children = defaultdict(list)
        for one in spans:
            children[one["parent"]].append(one["id"])
        own = [one["id"] for one in spans if one["name"].startswith("POST /sandbox")]
        hidden = set()
        while own:
            hidden.add(found := own.pop())
            own += children[found]
        return sorted((one for one in spans if one["id"] not in hidden), key=lambda one: str(one["begin"]))

    # ---- from the bot

    async def call(self, method: str, params: Json, uploads: dict[str, tuple[str, str, bytes]], trace: str) -> Any:
        """Do what the bot calls for, and keep the call for the page.

        :raises Refusal: Telegram says no
        """
        begun = time.monotonic()
        status, description = 200, None
        try:
            await self._be_as_told()
            return await self._perform(method, params, uploads)
        except Refusal as error:
            status, description = error.status, str(error)
            raise
        finally:
            spent = round((time.monotonic() - begun) * 1000, 1)
            if method not in ("getMe", "setMyCommands", "setWebhook", "getWebhookInfo"):
                details = {"method": method, "params": params, "status": status, "description": description}
                await self.happen("call", **details, ms=spent, trace_id=trace)

    async def _be_as_told(self) -> None:
        if self.world.mode == "429":
            raise Refusal(429, "Too Many Requests: retry after 3", retry_after=3)
        if self.world.mode == "500":
            raise Refusal(500, "Internal Server Error")
        if self.world.mode == "nothing":
            async with self._news:
                await self._news.wait_for(lambda: self.world.mode != "nothing" or self.is_closing)
            raise Refusal(504, "Gateway Timeout")

    async def _perform(self, method: str, params: Json, uploads: dict[str, tuple[str, str, bytes]]) -> Any:
        match method:
            case "getMe":
                return {**BOT, "can_join_groups": True, "can_read_all_group_messages": True}
            case "setWebhook":
                await self.happen("webhook", webhook=params)
            case "deleteWebhook":
                await self.happen("webhook", webhook={})
            case "getWebhookInfo":
                waiting = len(self.world.waiting)
                return {"url": self.world.webhook.get("url", ""), "pending_update_count": waiting}
            case "setMyCommands" | "answerCallbackQuery":
                if "text" in params:
                    await self.happen("toast", text=params["text"])
            case "getFile":
                return {"file_id": params["file_id"], "file_path": params["file_id"]}
            case _:
                return await self._perform_in_chat(method, params, uploads)
        return True

    async def _perform_in_chat(self, method: str, params: Json, uploads: dict[str, tuple[str, str, bytes]]) -> Any:
        chat_id = self._open_chat(params.get("chat_id"))
        match method:
            case "sendChatAction":
                await self.happen("action", chat_id=chat_id, action=params["action"])
            case "getChat":
                return self.world.chats[chat_id]
            case "getChatMemberCount":
                return sum(status in PRESENT for status in self.world.members[chat_id].values())
            case "getChatMember":
                return self.world.member(chat_id, int(params["user_id"]))
            case "getChatAdministrators":
                members = (self.world.member(chat_id, user_id) for user_id in self.world.members[chat_id])
                return [one for one in members if one["status"] in ("creator", "administrator")]
            case "setMessageReaction":
                message_id = self._message(chat_id, params["message_id"])["message_id"]
                emoji = [one.get("emoji", "") for one in params.get("reaction", [])]
                await self.happen("reaction", chat_id=chat_id, message_id=message_id, user_id=BOT["id"], emoji=emoji)
            case "deleteMessage":
                self._message(chat_id, params["message_id"])
                await self.happen("delete", chat_id=chat_id, message_id=params["message_id"])
            case "editMessageText" | "editMessageReplyMarkup" | "editMessageCaption":
                return await self._edit_own(chat_id, params)
            case _ if method.startswith("send"):
                return await self._send(method, chat_id, params, uploads)
            case _:
                raise Refusal(404, "Not Found: method not found")
        return True

    async def _edit_own(self, chat_id: int, params: Json) -> Json:
        before = self._message(chat_id, params["message_id"])
        edited = ("text", "caption", "entities", "reply_markup")
        changes: Json = {name: params[name] for name in edited if name in params}
        kept: Json = {name: value for name, value in before.items() if name != "reply_markup"}
        if kept | changes == before:
            raise Refusal(400, "Bad Request: message is not modified")
        message = kept | changes | {"edit_date": int(time.time())}
        await self.happen("edit", message=message)
        return message

    async def _send(self, method: str, chat_id: int, params: Json, uploads: dict[str, tuple[str, str, bytes]]) -> Json:
        kind = "".join("_" + letter.lower() if letter.isupper() else letter for letter in method[4:]).lstrip("_")
        if kind == "message":
            content: Json = {"text": params["text"]}
            if not 1 <= len(params["text"]) <= 4096:
                raise Refusal(400, "Bad Request: message is too long")
        elif kind == "dice":
            emoji = params.get("emoji", "🎲")
            content = {"dice": {"emoji": emoji, "value": random.randint(1, _DICE.get(emoji, 6))}}
        elif kind == "poll":
            options = [{"text": one["text"], "voter_count": 0} for one in params["options"]]
            content = {"poll": {"question": params["question"], "options": options}}
        elif kind in uploads:
            content = await self.medium(kind, await self.store_file(kind, *uploads[kind]))
        elif kind in FILE_KINDS:
            content = await self.medium(kind, str(params.get(kind)))
        else:
            raise Refusal(404, "Not Found: method not found")
        content |= {name: params[name] for name in ("caption", "entities", "reply_markup") if name in params}
        reply = params.get("reply_parameters", {}).get("message_id")
        message = self.world.new_message(chat_id, BOT, content, params.get("message_thread_id"), reply)
        await self.happen("message", message=message)
        return message

    def _open_chat(self, chat_id: Any) -> int:
        if (new_id := self.world.migrated.get(chat_id)) is not None:
            description = "Bad Request: group chat was upgraded to a supergroup chat"
            raise Refusal(400, description, migrate_to_chat_id=new_id)
        if not isinstance(chat_id, int) or chat_id not in self.world.chats:
            raise Refusal(400, "Bad Request: chat not found")
        if self.world.members[chat_id].get(BOT["id"]) not in PRESENT:
            kind = self.world.chats[chat_id]["type"]
            raise Refusal(403, f"Forbidden: bot is not a member of the {kind} chat")
        return chat_id

    def _message(self, chat_id: int, message_id: int) -> Json:
        if (message := self.world.messages.get((chat_id, message_id))) is None:
            raise Refusal(400, "Bad Request: message not found")
        return message
