"""Telegram: the bot's token, its webhook, and its rights in groups."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr
from sqlalchemy import func, select

from bread_bot.bot.errors import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    TelegramUnavailable,
    TooManyRequests,
    Unauthorized,
)
from bread_bot.bot.models import Activity, Chat
from bread_bot.bot.schemas.update import ChatMemberState
from bread_bot.bot.schemas.webhook import WebhookInfo
from bread_bot.bot.telegram import ALLOWED_UPDATES, TelegramClient
from bread_bot.main.commands.doctor.database import clock_finding
from bread_bot.main.commands.doctor.findings import Check, Finding, fail, ok, warn
from bread_bot.main.commands.webhook import ago
from bread_bot.main.database.base import async_session
from bread_bot.main.settings import settings
from bread_bot.utils.masking import bare_address

_SECONDS = 5.0
_PAUSE = 0.05
_MANY_WAITING = 100
_RECENT = timedelta(hours=1)
_WEBHOOK_PORTS = (None, 443, 80, 88, 8443)
_SET_AGAIN = "Run `python -m bread_bot webhook set`"
_DELIVERY_ADVICE = {
    "403": f"The secret differs from what the server expects: {_SET_AGAIN.lower()}",
    "404": "WEBHOOK_URL must lead to the server's /: correct it, or the proxy",
    "50": "Is the server running, and does the proxy lead to it? `server` above, and both logs tell",
    "refused": "Nobody listens there: start the server or the proxy, and open the port",
    "timed out": "Let Telegram through the firewall, and see whether the server is overloaded",
    "ssl": "Renew the certificate, and serve its whole chain",
    "certificate": "Renew the certificate, and serve its whole chain",
    "resolve": "Correct WEBHOOK_URL, or the DNS record of its host",
}


class TelegramCheckup:
    """Asks Telegram, and only asks; `bot_id` is known once the token has been found valid."""

    def __init__(self, token: SecretStr | None) -> None:
        self.bot_id: int | None = None
        self._me: dict[str, Any] = {}
        self._has_token = token is not None
        self._client = TelegramClient(token.get_secret_value() if token else "", str(settings.TELEGRAM_API_URL))

    async def check_token(self) -> Check:
        """Whether Telegram knows the bot."""
        if not self._has_token:
            yield warn(
                "token", "TELEGRAM_BOT_TOKEN is not set, so the server opens the sandbox", "@BotFather gives one"
            )
            return
        try:
            self._me = await self._ask("getMe")
        except Unauthorized:
            yield fail(
                "token", "Telegram does not know it", "Copy TELEGRAM_BOT_TOKEN once more from @BotFather, /token"
            )
        except TelegramUnavailable as error:
            yield fail("token", f"Telegram can't be asked: {error}", "Look at the network, proxy and TELEGRAM_API_URL")
        else:
            self.bot_id = self._me["id"]
            yield ok("token", f"the bot is @{self._me.get('username')}")

    async def check_privacy(self) -> Check:
        """Whether the bot hears all that is said in groups, and can be added to them."""
        if self._me.get("can_read_all_group_messages"):
            yield ok("privacy", "mode is off: the bot hears all that is said in groups")
        else:
            advice = "@BotFather, /setprivacy, Disable, then add the bot anew; or make it an administrator of the group"
            yield warn("privacy", "mode is on: triggers don't fire in groups", advice)
        if not self._me.get("can_join_groups"):
            yield warn("privacy", "the bot can't be added to groups", "@BotFather, /setjoingroups, Enable")

    async def check_webhook(self) -> Check:
        """Whether Telegram brings updates to where the bot waits for them."""
        info = WebhookInfo.model_validate(await self._ask("getWebhookInfo"))
        if settings.WEBHOOK_URL is None:
            if info.url:
                said = f"set to {bare_address(info.url)}, so polling gets nothing"
                yield fail(
                    "webhook", said, "Another program has this token? Else run `python -m bread_bot webhook delete`"
                )
            else:
                yield ok("webhook", "none is set, the bot polls")
        else:
            yield _place_of(info, settings.WEBHOOK_URL)
            if info.url:
                for one in _terms_of(info):
                    yield one
        if info.pending_update_count >= _MANY_WAITING:
            advice = "Is the server running, and quick enough? Its log and /metrics tell"
            yield warn("webhook", f"updates waiting at Telegram: {info.pending_update_count}", advice)
        else:
            yield ok("webhook", f"updates waiting at Telegram: {info.pending_update_count}")

    async def check_clock(self) -> Check:
        """Whether Telegram has the same time as this machine."""
        there = await self._client.clock(_SECONDS)
        if there is None:
            yield ok("clock", "Telegram does not tell its time")
        else:
            yield clock_finding("Telegram", (there - datetime.now(UTC).replace(microsecond=0)).total_seconds())

    async def check_groups(self, most: int) -> Check:
        """What the bot may do in the groups where most was said lately."""
        chats = await _liveliest(most)
        fine = 0
        for number, chat in enumerate(chats):
            name = f"{chat.id} «{chat.title}»"
            try:
                member = await self._ask("getChatMember", {"chat_id": chat.id, "user_id": self.bot_id})
            except ChatMigrated as error:
                advice = "The bot learns of it with the next message there"
                yield warn("groups", f"{name} is a supergroup now, {error.chat_id}", advice)
            except (BadRequest, Forbidden) as error:
                yield _gone(name, str(error))
            except TooManyRequests as error:
                left = len(chats) - number
                said = f"Telegram asks to wait {error.retry_after:.0f} seconds, so {left} are not looked at"
                yield warn("groups", said, "Try again later, with less --groups")
                return
            else:
                finding = self._rights(name, member)
                if finding is None:
                    fine += 1
                else:
                    yield finding
            await asyncio.sleep(_PAUSE)
        yield ok("groups", f"the bot may speak in {fine} of {len(chats)} that were looked at")

    def _rights(self, name: str, member: dict[str, Any]) -> Finding | None:
        state = ChatMemberState.model_validate(member)
        if not state.is_present:
            return _gone(name, state.status)
        denied = [right for right in member if right.startswith("can_send_") and member[right] is False]
        if state.can_send_messages is False:
            return warn("groups", f"the bot may not write in {name}", "An administrator there has to allow it")
        if denied:
            kinds = ", ".join(right.removeprefix("can_send_").replace("_", " ") for right in denied)
            return warn("groups", f"the bot may not send {kinds} in {name}", "An administrator there has to allow it")
        return None

    async def _ask(self, method: str, payload: dict[str, Any] | None = None) -> Any:
        return await self._client.call(method, payload, timeout=_SECONDS)


async def _liveliest(most: int) -> list[Chat]:
    last = select(func.max(Activity.day)).where(Activity.chat_id == Chat.id).scalar_subquery()
    async with async_session() as session:
        return await Chat.async_filter(
            session, Chat.left_at.is_(None), Chat.type != "private", order_by=last.desc().nulls_last(), limit=most
        )


def _gone(name: str, said: str) -> Finding:
    advice = "The bot has to be added again; `python -m bread_bot purge chat` forgets the group"
    return warn("groups", f"the bot is not in {name}: {said}", advice)


def _place_of(info: WebhookInfo, wanted: str) -> Finding:
    address, public = urlsplit(wanted), bare_address(wanted)
    is_telegram = urlsplit(settings.TELEGRAM_API_URL).hostname == "api.telegram.org"
    if is_telegram and (address.scheme != "https" or address.port not in _WEBHOOK_PORTS):
        return fail(
            "webhook", f"Telegram does not call {public}", "WEBHOOK_URL needs https, and port 443, 80, 88 or 8443"
        )
    if not info.url:
        return fail("webhook", "none is set", f"Start the server, which sets it, or {_SET_AGAIN.lower()}")
    if info.url != wanted:
        advice = f"Does another program have this token? Else {_SET_AGAIN.lower()}"
        return fail("webhook", f"set to {bare_address(info.url)}, not to {public}", advice)
    return ok("webhook", f"set to {public}")


def _terms_of(info: WebhookInfo) -> list[Finding]:
    found = []
    asked = set(info.allowed_updates)
    if missing := sorted(set(ALLOWED_UPDATES) - asked):
        found.append(fail("webhook", f"the bot does not get {', '.join(missing)}", _SET_AGAIN))
    elif more := sorted(asked - set(ALLOWED_UPDATES)):
        found.append(warn("webhook", f"the bot gets {', '.join(more)}, which it does not use", _SET_AGAIN))
    else:
        found.append(ok("webhook", "allowed_updates are what the bot uses"))
    if info.max_connections != settings.WEBHOOK_MAX_CONNECTIONS:
        said = f"max_connections is {info.max_connections}, not {settings.WEBHOOK_MAX_CONNECTIONS}"
        found.append(warn("webhook", said, _SET_AGAIN))
    else:
        found.append(ok("webhook", f"max_connections is {info.max_connections}"))
    found.append(_last_error(info))
    return found


def _last_error(info: WebhookInfo) -> Finding:
    if info.last_error_date is None:
        return ok("webhook", "no delivery has failed")
    message = info.last_error_message or "no reason told"
    said = f"the last failed delivery: {message}, {ago(info.last_error_date)}"
    if datetime.now(UTC) - info.last_error_date > _RECENT:
        return ok("webhook", said)
    advice = next(
        (one for sign, one in _DELIVERY_ADVICE.items() if sign in message.lower()), "Look at the server's log"
    )
    return fail("webhook", said, advice) if info.pending_update_count else warn("webhook", said, advice)
