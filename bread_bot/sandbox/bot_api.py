"""The methods of the Bot API that the bot calls, with the refusals of the real one."""

import random
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

from bread_bot.sandbox import files, polls
from bread_bot.sandbox.delivery import Delivery
from bread_bot.sandbox.files import FILE_KINDS
from bread_bot.sandbox.parameters import Parameters
from bread_bot.sandbox.refusal import Refusal
from bread_bot.sandbox.telegram import CAPTION_LIMIT, TEXT_LIMIT, Telegram
from bread_bot.sandbox.world import ADMINISTRATORS, BOT, PEOPLE, PRESENT, Json
from bread_bot.utils.text import utf16_length

_BUTTON_DATA_LIMIT = 64
_TOAST_LIMIT = 200
_PRESS_SECONDS = 60.0
_RETRY_AFTER = 3
_DICE = {"🎲": 6, "🎯": 6, "🎳": 6, "🏀": 5, "⚽": 5, "🎰": 64}
_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")
# How the bot makes itself known is of no interest at the page, and getUpdates would fill it.
_NOT_SHOWN = frozenset(
    {"getMe", "getUpdates", "setMyCommands", "getMyCommands", "setWebhook", "deleteWebhook", "getWebhookInfo"}
)
_NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same as a current "
    "content and reply markup of the message"
)

Method = Callable[[Parameters], Awaitable[Any]]


class BotAPI:
    """What the bot may call."""

    def __init__(self, telegram: Telegram, delivery: Delivery) -> None:
        self._telegram = telegram
        self._world = telegram.world
        self._delivery = delivery
        self._methods: dict[str, Method] = {
            "getMe": self._get_me,
            "getUpdates": self._get_updates,
            "setWebhook": self._set_webhook,
            "deleteWebhook": self._delete_webhook,
            "getWebhookInfo": self._get_webhook_info,
            "setMyCommands": self._set_commands,
            "getMyCommands": self._get_commands,
            "deleteMyCommands": self._delete_commands,
            "getFile": self._get_file,
            "answerCallbackQuery": self._answer_press,
            "getChat": self._get_chat,
            "getChatMemberCount": self._count_members,
            "getChatMember": self._get_member,
            "getChatAdministrators": self._get_administrators,
            "leaveChat": self._leave,
            "sendChatAction": self._act,
            "setMessageReaction": self._react,
            "deleteMessage": self._delete,
            "editMessageText": self._edit_text,
            "editMessageCaption": self._edit_caption,
            "editMessageReplyMarkup": self._edit_buttons,
            "stopPoll": self._stop_poll,
            "sendMessage": self._send_text,
            "sendDice": self._send_dice,
            "sendPoll": self._send_poll,
        }
        for kind in FILE_KINDS:
            method = "send" + "".join(word.capitalize() for word in kind.split("_"))
            self._methods[method] = self._sender_of(kind)

    async def call(self, method: str, parameters: Parameters, trace_id: str) -> Any:
        """Do what the bot calls for, and keep the call for the page.

        :raises Refusal: Telegram says no
        """
        begun = time.monotonic()
        said: Json = {"status": 0, "description": "No answer", "result": None}
        try:
            await self._be_as_told()
            if (perform := self._methods.get(method)) is None:
                raise Refusal(404, "Not Found: method not found")
            result = files.told(await perform(parameters))
            said = {"status": 200, "description": None, "result": result}
            return result
        except Refusal as error:
            said = {"status": error.status, "description": str(error), "result": None}
            raise
        finally:
            if method not in _NOT_SHOWN:
                spent = round((time.monotonic() - begun) * 1000, 1)
                call = {"method": method, "params": dict(parameters.values), "ms": spent, "trace_id": trace_id}
                self._telegram.happen("call", **call, **said)
            await self._telegram.settle()

    async def _be_as_told(self) -> None:
        mode = self._world.mode
        if mode == "429":
            raise Refusal(429, f"Too Many Requests: retry after {_RETRY_AFTER}", retry_after=_RETRY_AFTER)
        if mode == "500":
            raise Refusal(500, "Internal Server Error")
        if mode == "nothing":
            async with self._telegram.news:
                await self._telegram.news.wait_for(lambda: self._world.mode != mode or self._telegram.is_closing)
            raise Refusal(504, "Gateway Timeout")

    # ---- the bot itself

    async def _get_me(self, _: Parameters) -> Json:
        return {**BOT, "can_join_groups": True, "can_read_all_group_messages": True, "supports_inline_queries": False}

    async def _get_updates(self, parameters: Parameters) -> list[Json]:
        self._allow(parameters)
        offset, limit = parameters.integer("offset") or 0, parameters.integer("limit") or 100
        return await self._delivery.poll(offset, limit, parameters.integer("timeout") or 0)

    async def _set_webhook(self, parameters: Parameters) -> bool:
        url, secret = parameters.text("url"), parameters.text("secret_token")
        if not url:
            return await self._delete_webhook(parameters)
        if not url.startswith("https://"):
            raise Refusal(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
        if re.fullmatch("[A-Za-z0-9_-]{0,256}", secret) is None:
            raise Refusal(400, "Bad Request: secret token contains unallowed characters")
        self._allow(parameters)
        self._drop(parameters)
        most = parameters.integer("max_connections") or 40
        self._telegram.happen("webhook", webhook={"url": url, "secret_token": secret, "max_connections": most})
        return True

    async def _delete_webhook(self, parameters: Parameters) -> bool:
        self._drop(parameters)
        self._telegram.happen("webhook", webhook={})
        return True

    async def _get_webhook_info(self, _: Parameters) -> Json:
        webhook, failure = self._world.webhook, self._delivery.failure
        info: Json = {
            "url": webhook.get("url", ""),
            "has_custom_certificate": False,
            "pending_update_count": len(self._world.waiting),
        }
        if webhook:
            info["max_connections"] = webhook["max_connections"]
            if failure is not None:
                info["last_error_date"], info["last_error_message"] = failure
        if self._world.allowed_updates:
            info["allowed_updates"] = self._world.allowed_updates
        return info

    def _allow(self, parameters: Parameters) -> None:
        kinds = parameters.array("allowed_updates")
        if "allowed_updates" in parameters.values and kinds != self._world.allowed_updates:
            self._telegram.happen("allowed", kinds=kinds)

    def _drop(self, parameters: Parameters) -> None:
        if parameters.flag("drop_pending_updates"):
            for update_id in list(self._world.waiting):
                self._telegram.happen(
                    "handled", update_id=update_id, trace_id=None, ms=None, command=None, outcome=None
                )

    async def _set_commands(self, parameters: Parameters) -> bool:
        commands = parameters.objects("commands")
        for one in commands:
            if re.fullmatch("[a-z0-9_]{1,32}", str(one.get("command", ""))) is None:
                raise Refusal(400, "Bad Request: BOT_COMMAND_INVALID")
            if not 1 <= utf16_length(str(one.get("description", ""))) <= 256:
                raise Refusal(400, "Bad Request: BOT_COMMAND_DESCRIPTION_INVALID")
        if len(commands) > 100:
            raise Refusal(400, "Bad Request: BOT_COMMANDS_TOO_MUCH")
        self._telegram.happen("commands", audience=_audience(parameters), commands=commands)
        return True

    async def _get_commands(self, parameters: Parameters) -> list[Json]:
        return self._world.commands.get(_audience(parameters), [])

    async def _delete_commands(self, parameters: Parameters) -> bool:
        self._telegram.happen("commands", audience=_audience(parameters), commands=[])
        return True

    # ---- chats

    async def _get_chat(self, parameters: Parameters) -> Json:
        gifts = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")
        more: Json = {
            "accent_color_id": 0,
            "max_reaction_count": 11,
            "accepted_gift_types": dict.fromkeys(gifts, False),
        }
        return self._world.chats[self._chat_id(parameters)] | more

    async def _count_members(self, parameters: Parameters) -> int:
        members = self._world.members[self._chat_id(parameters)]
        return sum(status in PRESENT for status in members.values())

    async def _get_member(self, parameters: Parameters) -> Json:
        chat_id, user_id = self._chat_id(parameters), parameters.integer("user_id")
        if user_id is None or user_id != BOT["id"] and user_id not in PEOPLE:
            raise Refusal(400, "Bad Request: invalid user_id specified")
        return self._world.member(chat_id, user_id)

    async def _get_administrators(self, parameters: Parameters) -> list[Json]:
        chat_id = self._chat_id(parameters)
        if self._world.chats[chat_id]["type"] == "private":
            raise Refusal(400, "Bad Request: there are no administrators in the private chat")
        members = (self._world.member(chat_id, user_id) for user_id in self._world.members[chat_id])
        return [one for one in members if one["status"] in ADMINISTRATORS]

    async def _leave(self, parameters: Parameters) -> bool:
        chat_id = self._chat_id(parameters)
        if self._world.chats[chat_id]["type"] == "private":
            raise Refusal(400, "Bad Request: chat member status can't be changed in private chats")
        self._telegram.happen("member", chat_id=chat_id, user_id=BOT["id"], status="left")
        return True

    async def _act(self, parameters: Parameters) -> bool:
        chat_id, action = self._chat_id(parameters), parameters.text("action")
        if re.fullmatch("typing|choose_sticker|find_location|(upload|record)_[a-z_]+", action) is None:
            raise Refusal(400, "Bad Request: wrong parameter action in request")
        thread = self._thread(chat_id, parameters)
        self._telegram.happen("action", chat_id=chat_id, action=action, message_thread_id=thread)
        return True

    # ---- messages

    async def _send_text(self, parameters: Parameters) -> Json:
        return await self._send(parameters, _text(parameters, "text", "message text is empty"))

    async def _send_dice(self, parameters: Parameters) -> Json:
        emoji = parameters.text("emoji") or "🎲"
        if emoji not in _DICE:
            raise Refusal(400, "Bad Request: wrong dice emoji specified")
        return await self._send(parameters, {"dice": {"emoji": emoji, "value": random.randint(1, _DICE[emoji])}})

    async def _send_poll(self, parameters: Parameters) -> Json:
        options = [str(one.get("text", "") if isinstance(one, dict) else one) for one in parameters.array("options")]
        correct = parameters.array("correct_option_ids")
        if (only := parameters.integer("correct_option_id")) is not None:
            correct = [only]
        poll = polls.begun(
            parameters.text("question"),
            options,
            is_quiz=parameters.text("type") == "quiz",
            correct=correct,
            is_anonymous=parameters.flag("is_anonymous", True),
            is_closed=parameters.flag("is_closed"),
            takes_many=parameters.flag("allows_multiple_answers"),
            is_revocable=parameters.flag("allows_revoting") if "allows_revoting" in parameters.values else None,
        )
        return await self._send(parameters, {"poll": poll})

    def _sender_of(self, kind: str) -> Method:
        async def send(parameters: Parameters) -> Json:
            named = parameters.text(kind)
            upload = parameters.uploads.get(named.removeprefix("attach://") if named else kind)
            if upload is None and not named:
                raise Refusal(400, f"Bad Request: there is no {kind} in the request")
            if named.startswith(("http://", "https://")):
                raise Refusal(400, "Bad Request: failed to get HTTP URL content")
            caption = {} if kind in ("sticker", "video_note") else _text(parameters, "caption")
            self._chat_id(parameters)
            file_id = await files.store(kind, upload) if upload is not None else named
            return await self._send(parameters, await files.content(kind, file_id) | caption)

        return send

    async def _send(self, parameters: Parameters, content: Json) -> Json:
        content |= _buttons(parameters)
        chat_id = self._chat_id(parameters)
        thread = self._thread(chat_id, parameters)
        reply = parameters.object("reply_parameters")
        replied = reply.get("message_id", parameters.integer("reply_to_message_id"))
        is_needed = not (reply.get("allow_sending_without_reply") or parameters.flag("allow_sending_without_reply"))
        if replied is not None and is_needed:
            self._telegram.message(chat_id, replied, "message to be replied not found")
        message = self._world.new_message(chat_id, BOT, content, thread, replied)
        self._telegram.happen("message", message=message)
        return message

    async def _edit_text(self, parameters: Parameters) -> Json:
        return self._edit(parameters, "text", _text(parameters, "text", "message text is empty"))

    async def _edit_caption(self, parameters: Parameters) -> Json:
        return self._edit(parameters, "caption", _text(parameters, "caption"))

    async def _edit_buttons(self, parameters: Parameters) -> Json:
        return self._edit(parameters, "", {})

    def _edit(self, parameters: Parameters, field: str, changes: Json) -> Json:
        changes |= _buttons(parameters)
        chat_id = self._chat_id(parameters)
        before = self._telegram.message(chat_id, _message_id(parameters), "message to edit not found")
        if before["from"] != BOT:
            raise Refusal(400, "Bad Request: message can't be edited")
        if field == "text" and "text" not in before:
            raise Refusal(400, "Bad Request: there is no text in the message to edit")
        if field == "caption" and not any(kind in before for kind in FILE_KINDS):
            raise Refusal(400, "Bad Request: there is no caption in the message to edit")
        replaced = {"text": ("text", "entities"), "caption": ("caption", "caption_entities"), "": ()}[field]
        kept = {name: value for name, value in before.items() if name not in (*replaced, "reply_markup")}
        if kept | changes == before:
            raise Refusal(400, f"Bad Request: {_NOT_MODIFIED}")
        message = kept | changes | {"edit_date": int(time.time())}
        self._telegram.happen("edit", message=message)
        return message

    async def _stop_poll(self, parameters: Parameters) -> Json:
        chat_id = self._chat_id(parameters)
        message = self._telegram.message(chat_id, _message_id(parameters), "message with poll to stop not found")
        if message["from"] != BOT or "poll" not in message:
            raise Refusal(400, "Bad Request: poll can't be stopped")
        if message["poll"]["is_closed"]:
            raise Refusal(400, "Bad Request: poll has already been closed")
        poll: Json = message["poll"] | {"is_closed": True}
        self._telegram.happen("edit", message={**message, "poll": poll})
        self._telegram.tell(poll=poll)
        return poll

    async def _delete(self, parameters: Parameters) -> bool:
        chat_id, message_id = self._chat_id(parameters), _message_id(parameters)
        message = self._telegram.message(chat_id, message_id, "message to delete not found")
        is_private = self._world.chats[chat_id]["type"] == "private"
        if message["from"] != BOT and not is_private and not self._is_administrator(chat_id):
            raise Refusal(400, "Bad Request: message can't be deleted")
        self._telegram.happen("delete", chat_id=chat_id, message_id=message_id)
        return True

    async def _react(self, parameters: Parameters) -> bool:
        chat_id, message_id = self._chat_id(parameters), _message_id(parameters)
        self._telegram.message(chat_id, message_id, "message to react not found")
        reactions = parameters.objects("reaction")
        if len(reactions) > 1:
            raise Refusal(400, "Bad Request: REACTIONS_TOO_MANY")
        if any(one.get("type") != "emoji" or not one.get("emoji") for one in reactions):
            raise Refusal(400, "Bad Request: REACTION_INVALID")
        emoji = [one["emoji"] for one in reactions]
        self._telegram.happen("reaction", chat_id=chat_id, message_id=message_id, user_id=BOT["id"], emoji=emoji)
        return True

    async def _answer_press(self, parameters: Parameters) -> bool:
        query_id, text = parameters.text("callback_query_id"), parameters.text("text")
        begun = self._world.presses.get(query_id)
        if begun is None or time.time() > begun + _PRESS_SECONDS:
            reason = "query is too old and response timeout expired or query ID is invalid"
            raise Refusal(400, f"Bad Request: {reason}")
        if utf16_length(text) > _TOAST_LIMIT:
            raise Refusal(400, "Bad Request: MESSAGE_TOO_LONG")
        self._telegram.happen("answered", query_id=query_id)
        if text:
            self._telegram.happen("toast", text=text, is_alert=parameters.flag("show_alert"))
        return True

    async def _get_file(self, parameters: Parameters) -> Json:
        kept = await files.read(parameters.text("file_id"))
        if kept is None:
            raise Refusal(400, "Bad Request: wrong file_id or the file is temporarily unavailable")
        return files.described(kept)

    # ---- where

    def _chat_id(self, parameters: Parameters) -> int:
        """A chat that is there."""
        if not (said := parameters.text("chat_id")):
            raise Refusal(400, "Bad Request: chat_id is empty")
        chat_id = int(said) if re.fullmatch(r"-?\d{1,18}", said) else 0
        if (new_id := self._world.migrated.get(chat_id)) is not None:
            description = "Bad Request: group chat was upgraded to a supergroup chat"
            raise Refusal(400, description, migrate_to_chat_id=new_id)
        if chat_id not in self._world.chats:
            raise Refusal(400, "Bad Request: chat not found")
        kind, status = self._world.chats[chat_id]["type"], self._world.status(chat_id, BOT["id"])
        if status in PRESENT:
            return chat_id
        if kind == "private":
            raise Refusal(403, "Forbidden: bot was blocked by the user")
        verb = "was kicked from" if status == "kicked" else "is not a member of"
        raise Refusal(403, f"Forbidden: bot {verb} the {kind} chat")

    def _thread(self, chat_id: int, parameters: Parameters) -> int | None:
        thread = parameters.integer("message_thread_id")
        self._telegram.check_thread(chat_id, BOT["id"], thread)
        return thread

    def _is_administrator(self, chat_id: int) -> bool:
        return self._world.status(chat_id, BOT["id"]) in ADMINISTRATORS


def _audience(parameters: Parameters) -> str:
    scope = parameters.object("scope") or {"type": "default"}
    return " ".join(str(scope[name]) for name in sorted(scope)) + " " + parameters.text("language_code")


def _message_id(parameters: Parameters) -> int:
    if (message_id := parameters.integer("message_id")) is None:
        raise Refusal(400, "Bad Request: message identifier is not specified")
    return message_id


def _text(parameters: Parameters, name: str, needed: str = "") -> Json:
    """A text or a caption with its entities; `needed` is what is said where there is none."""
    text = parameters.text(name)
    if parameters.text("parse_mode"):
        raise Refusal(400, "Bad Request: unsupported parse_mode")
    if not text:
        if needed:
            raise Refusal(400, f"Bad Request: {needed}")
        return {}
    if needed and not text.strip():
        raise Refusal(400, "Bad Request: text must be non-empty")
    if utf16_length(text) > (TEXT_LIMIT if name == "text" else CAPTION_LIMIT):
        raise Refusal(400, f"Bad Request: message {'' if name == 'text' else 'caption '}is too long")
    field = "entities" if name == "text" else "caption_entities"
    entities = parameters.objects(field)
    return {name: text} | ({field: entities} if entities else {})


def _buttons(parameters: Parameters) -> Json:
    """The inline buttons; other keyboards are not shown."""
    rows = parameters.object("reply_markup").get("inline_keyboard", [])
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise Refusal(
            400, 'Bad Request: field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays'
        )
    for button in (button for row in rows for button in row):
        if not isinstance(button, dict) or not str(button.get("text", "")).strip():
            raise Refusal(400, "Bad Request: can't parse inline keyboard button: Can't find field \"text\"")
        if set(button) == {"text"}:
            raise Refusal(400, "Bad Request: text buttons are unallowed in the inline keyboard")
        if not 1 <= len(str(button.get("callback_data", "-")).encode()) <= _BUTTON_DATA_LIMIT:
            raise Refusal(400, "Bad Request: BUTTON_DATA_INVALID")
    return {"reply_markup": {"inline_keyboard": rows}} if rows else {}
