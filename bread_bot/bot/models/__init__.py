"""Who is where, which updates are done with, and which answers are on their way."""

from bread_bot.bot.models.chat import Activity, Chat, ChatToMember, Member
from bread_bot.bot.models.delivery import (
    Deferred,
    FailedUpdate,
    HandledUpdate,
    OutboxLane,
    OutboxMessage,
    Process,
    Singleton,
)

__all__ = [
    "Activity",
    "Chat",
    "ChatToMember",
    "Deferred",
    "FailedUpdate",
    "HandledUpdate",
    "Member",
    "OutboxLane",
    "OutboxMessage",
    "Process",
    "Singleton",
]
