"""Who belongs to a chat now."""

from datetime import timedelta

from sqlalchemy import or_, select

from bread_bot.bot.context import Context
from bread_bot.bot.models import ChatToMember, Member
from bread_bot.main.settings import settings


async def members(context: Context) -> list[Member]:
    """The members of a chat: seen or joined in the last MEMBER_DAYS, or administrators; nobody who has left.

    Asks Telegram for the administrators, unless that was done minutes ago.
    """
    await context.knows_administrators()
    return await known_members(context)


async def known_members(context: Context) -> list[Member]:
    """The same as far as the bot knows without asking."""
    recently = context.now - timedelta(days=settings.MEMBER_DAYS)
    statement = (
        select(Member)
        .join(ChatToMember, ChatToMember.member_id == Member.id)
        .where(
            ChatToMember.chat_id == context.chat.id,
            ChatToMember.left_at.is_(None),
            or_(ChatToMember.seen_at >= recently, ChatToMember.is_administrator),
        )
        .order_by(Member.id)
    )
    return list(await context.session.scalars(statement))
