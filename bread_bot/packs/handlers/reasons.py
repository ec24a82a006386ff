"""The command that tells why the bot answered, or kept silent."""

from datetime import datetime
from typing import Any

from sqlalchemy import select

from bread_bot.bot.answers import Reply
from bread_bot.bot.command import command
from bread_bot.bot.context import Context
from bread_bot.bot.errors import UsageError
from bread_bot.bot.models import HandledUpdate, Member, OutboxMessage
from bread_bot.bot.names import called
from bread_bot.packs import pack
from bread_bot.packs.handlers.reactions import CHANCE, PAUSE
from bread_bot.packs.handlers.teaching import shown

_RULES = {
    pack.WHOLE: "сообщение целиком равно триггеру",
    pack.WORDS: "в сообщении стоят слова подстроки",
    pack.FORM: "в сообщении есть другая форма слова-подстроки",
}


@command("почему", "откуда", slash="why", examples=["Хлеб почему", "Хлеб откуда"])
async def answer_why(context: Context) -> Reply:
    """Рассказать, почему бот так ответил — или промолчал — на сообщение, на которое отвечаешь."""
    replied = context.replied
    if replied is None:
        raise UsageError("Ответь этой командой на моё сообщение или на то, на которое я промолчал.")
    mark = await _mark(context, replied.message_id)
    if mark is None:
        return "Не помню: это было слишком давно или без меня."
    if mark.command is not None:
        return f"Это команда «{mark.command}»."
    notes: dict[str, Any] = mark.outcome or {}
    if "key" not in notes:
        if notes.get("listener") == "answer_unknown":
            return "Ко мне обратились, а команды такой я не знаю."
        if "listener" in notes:
            return "Само вырвалось: так в этом чате настроено."
        return "Промолчал: ни один ключ не подошёл."
    key = f"«{shown(notes['key'])}»"
    if notes.get("silent") == "chance":
        return f"Ключ {key} подошёл, но не выпал жребий: процент срабатывания {context.get(CHANCE)}%."
    if notes.get("silent") == "pause":
        return f"Ключ {key} подошёл, но я держал паузу ({context.get(PAUSE)} с)."
    return f"Сработал ключ {key}: {_RULES[notes['rule']]}.{await _teacher(context, notes)}"


async def _mark(context: Context, message_id: int) -> HandledUpdate | None:
    """What is remembered of a message, or of the message that the bot answered by it."""
    asked = (
        select(OutboxMessage.update_id)
        .where(OutboxMessage.chat_id == context.chat.id, OutboxMessage.message_id == message_id)
        .limit(1)
    )
    own = (HandledUpdate.chat_id == context.chat.id) & (HandledUpdate.message_id == message_id)
    caused = (HandledUpdate.bot_id == context.bot.id) & (HandledUpdate.update_id == asked.scalar_subquery())
    return await HandledUpdate.async_first(context.session, caused | own, order_by=HandledUpdate.handled_at.desc())


async def _teacher(context: Context, notes: dict[str, Any]) -> str:
    if "taught_at" not in notes:
        return ""
    when = datetime.fromisoformat(notes["taught_at"]).strftime("%d.%m.%Y")
    author = await Member.async_get(context.session, notes["author_id"]) if notes.get("author_id") else None
    return f" Научил {called(author)} {when}." if author is not None else f" Научили меня {when}."
