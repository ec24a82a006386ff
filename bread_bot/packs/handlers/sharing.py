"""The command that copies a private pack into a group."""

from sqlalchemy import select

from bread_bot.bot.answers import Reply
from bread_bot.bot.command import command
from bread_bot.bot.context import Context
from bread_bot.bot.errors import CommandError, TelegramError
from bread_bot.bot.models import Chat
from bread_bot.bot.schemas.update import GROUP_TYPES, ChatMemberState
from bread_bot.main.settings import settings
from bread_bot.packs import pack
from bread_bot.utils.text import normalize, plural

_MOST_ASKED = 10


@command("распространи в", slash="propagate", deferred=True, examples=["Хлеб распространи в Пекарня"])
async def answer_propagate(context: Context, title: str) -> Reply:
    """Добавить свои триггеры и подстроки в группу с таким названием; только в личке и только туда, где ты состоишь."""
    if context.chat.is_group or context.author is None:
        raise CommandError("Это делается в личной переписке со мной.")
    chats = await Chat.async_filter(context.session, Chat.type.in_(GROUP_TYPES), Chat.left_at.is_(None))
    named = [chat for chat in chats if normalize(chat.title) == normalize(title) or str(chat.id) == title.strip()]
    await context.let_go()
    if not named:
        raise CommandError(f"Группы «{title}» я не знаю. Название нужно целиком, и я должен в ней быть.")
    mine = [chat for chat in named[:_MOST_ASKED] if await _is_member(context, chat.id, context.author.id)]
    if not mine:
        raise CommandError(f"В группе «{title}» тебя сейчас нет, а чужих я не учу.")
    if len(mine) > 1:
        numbers = "\n".join(f"{settings.BOT_NAME} распространи в {chat.id}" for chat in mine)
        return f"Таких групп несколько. Какую из них? Повтори с её номером:\n{numbers}"
    await context.session.execute(select(Chat.id).where(Chat.id == mine[0].id).with_for_update())
    added, known = await pack.copy(context.session, context.chat.id, mine[0].id, context.author.id, "распространи в")
    if not added and not known:
        return "В твоём личном наборе пусто, распространять нечего."
    already = f", {known} там уже {plural(known, 'было', 'было', 'было')}" if known else ""
    return f"Добавил в «{mine[0].title}» {added} {plural(added, 'значение', 'значения', 'значений')}{already}."


async def _is_member(context: Context, chat_id: int, member_id: int) -> bool:
    """Whether somebody is in a group at this moment, as Telegram says."""
    assert context.telegram is not None
    try:
        found = await context.telegram.call("getChatMember", {"chat_id": chat_id, "user_id": member_id})
        return ChatMemberState.model_validate(found).is_present
    except TelegramError as error:
        if error.code is None or error.code >= 500:
            raise
        return False
    except ValueError:
        return False
