"""Who comes, who goes, and what becomes of the chat itself: the service messages and state changes of Telegram."""

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from bread_bot.bot.answers import Answer
from bread_bot.bot.context import Bot
from bread_bot.bot.models import Chat, ChatToMember, Member
from bread_bot.bot.renumber import renumber
from bread_bot.bot.schemas.update import ChatMemberChange, Message, Update, User
from bread_bot.bot.telegram import Destination, Sending, sendings
from bread_bot.main.settings import settings

GREETING = (
    "Всем привет, я {name}! Научите меня отвечать: «{name} добавь триггер Привет=Медвед», а потом скажите «Привет». "
    "Всё, что я умею, расскажет «{name} help»."
)
PRIVACY = (
    "\n\nСейчас я слышу только команды и ответы на мои сообщения: включён режим приватности. Чтобы я отвечал на "
    "триггеры, сделайте меня администратором или выключите этот режим у @BotFather (/setprivacy), а потом добавьте "
    "меня заново."
)


def is_service(message: Message) -> bool:
    """Whether a message tells of the chat itself."""
    return bool(
        message.new_chat_members
        or message.left_chat_member is not None
        or message.migrate_to_chat_id is not None
        or message.migrate_from_chat_id is not None
    )


async def follow(session: AsyncSession, update: Update, bot: Bot) -> Iterable[Iterable[Sending]]:
    """Take note of what an update tells about a chat and its people, within the session's transaction.

    :return: what is to be said about it
    """
    if update.message is not None and is_service(update.message):
        await _follow_message(session, update.message)
    elif update.chat_member is not None:
        await _follow_member(session, update.chat_member)
    elif update.my_chat_member is not None:
        return await _follow_bot(session, update.my_chat_member, bot)
    return ()


async def join(session: AsyncSession, chat_id: int, users: Iterable[User]) -> None:
    """Remember that people have come into a chat."""
    for user in users:
        if user.is_bot:
            continue
        names = {"first_name": user.first_name, "last_name": user.last_name, "username": user.username}
        member = insert(Member).values(id=user.id, **names)
        news = names | {"updated_at": func.now()}
        await session.execute(member.on_conflict_do_update(index_elements=["id"], set_=news))
        bond = insert(ChatToMember).values(chat_id=chat_id, member_id=user.id, seen_at=func.now())
        await session.execute(
            bond.on_conflict_do_update(
                index_elements=["chat_id", "member_id"], set_={"seen_at": func.now(), "left_at": None}
            )
        )


async def leave(session: AsyncSession, chat_id: int, user: User) -> None:
    """Remember that somebody has left a chat."""
    await session.execute(
        update(ChatToMember)
        .where(ChatToMember.chat_id == chat_id, ChatToMember.member_id == user.id)
        .values(left_at=func.now(), is_administrator=False)
    )


async def _follow_message(session: AsyncSession, message: Message) -> None:
    if message.new_chat_members:
        await join(session, message.chat.id, message.new_chat_members)
    if message.left_chat_member is not None:
        await leave(session, message.chat.id, message.left_chat_member)
    if message.migrate_to_chat_id is not None:
        await renumber(session, message.chat.id, message.migrate_to_chat_id)
    if message.migrate_from_chat_id is not None:
        await renumber(session, message.migrate_from_chat_id, message.chat.id)


async def _follow_member(session: AsyncSession, change: ChatMemberChange) -> None:
    state = change.new_chat_member
    if state.is_present:
        await join(session, change.chat.id, [state.user])
        await session.execute(
            update(ChatToMember)
            .where(ChatToMember.chat_id == change.chat.id, ChatToMember.member_id == state.user.id)
            .values(is_administrator=state.is_administrator)
        )
    else:
        await leave(session, change.chat.id, state.user)


async def _follow_bot(session: AsyncSession, change: ChatMemberChange, bot: Bot) -> Iterable[Iterable[Sending]]:
    state = change.new_chat_member
    can_speak = state.is_present and state.can_send_messages is not False
    left_at = None if state.is_present else datetime.now(UTC)
    await session.execute(update(Chat).where(Chat.id == change.chat.id).values(left_at=left_at))
    if change.old_chat_member.is_present or not can_speak or not change.chat.is_group:
        return ()
    is_deaf = not bot.reads_everything and not state.is_administrator
    greeting = GREETING.format(name=settings.BOT_NAME) + (PRIVACY if is_deaf else "")
    return [sendings(Answer(greeting), Destination(change.chat.id))]
