"""What every update leaves behind: the mark that it is handled, its chat, its member, their bond, and the counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import DateTime

from bread_bot.bot.schemas.update import ChatInfo, User

# One statement for a whole unit of work. It writes a chat, a member or a bond only where something changed: in a chat
# that is known, a plain message costs one mark and one counter. Rows are locked in the order of their keys, so that
# two processes can't lock each other out. A member who asked to be forgotten is not counted.
_REMEMBER = text("""
    WITH news AS (
        SELECT * FROM unnest(
            CAST(:update_id AS bigint[]), CAST(:chat_id AS bigint[]), CAST(:message_id AS bigint[]),
            CAST(:command AS text[]), CAST(:type AS text[]), CAST(:title AS text[]), CAST(:chat_username AS text[]),
            CAST(:member_id AS bigint[]), CAST(:first_name AS text[]), CAST(:last_name AS text[]),
            CAST(:username AS text[]), CAST(:wrote AS int[]), CAST(:edited AS int[]), CAST(:voices AS int[]),
            CAST(:asked AS int[])
        ) AS news (
            update_id, chat_id, message_id, command, type, title, chat_username,
            member_id, first_name, last_name, username, wrote, edited, voices, asked
        )
    ), mark AS (
        INSERT INTO handled_update (bot_id, update_id, chat_id, message_id, command)
        SELECT CAST(:bot_id AS bigint), update_id, chat_id, message_id, command FROM news ORDER BY update_id
        ON CONFLICT DO NOTHING
        RETURNING update_id
    ), known_chat AS (
        INSERT INTO chat (id, type, title, username)
        SELECT news.chat_id, news.type, news.title, news.chat_username
        FROM news LEFT JOIN chat ON chat.id = news.chat_id
        WHERE chat.id IS NULL OR chat.left_at IS NOT NULL
            OR (chat.type, chat.title, chat.username) IS DISTINCT FROM (news.type, news.title, news.chat_username)
        ORDER BY news.chat_id
        ON CONFLICT (id) DO UPDATE SET type = excluded.type, title = excluded.title, username = excluded.username,
            left_at = NULL, updated_at = now()
    ), known_member AS (
        INSERT INTO member (id, first_name, last_name, username)
        SELECT DISTINCT ON (news.member_id) news.member_id, news.first_name, news.last_name, news.username
        FROM news LEFT JOIN member ON member.id = news.member_id
        WHERE news.member_id IS NOT NULL AND (
            member.id IS NULL OR (member.first_name, member.last_name, member.username)
            IS DISTINCT FROM (news.first_name, news.last_name, news.username))
        ORDER BY news.member_id, news.update_id DESC
        ON CONFLICT (id) DO UPDATE SET first_name = excluded.first_name, last_name = excluded.last_name,
            username = excluded.username, updated_at = now()
    ), bond AS (
        INSERT INTO chat_to_member (chat_id, member_id, seen_at)
        SELECT news.chat_id, news.member_id, now()
        FROM news LEFT JOIN chat_to_member AS bond USING (chat_id, member_id)
        WHERE news.member_id IS NOT NULL AND (bond.chat_id IS NULL OR bond.left_at IS NOT NULL
            OR bond.seen_at IS NULL OR bond.seen_at < now() - interval '1 hour')
        ORDER BY news.chat_id, news.member_id
        ON CONFLICT (chat_id, member_id) DO UPDATE SET seen_at = now(), left_at = NULL
    ), counted AS (
        INSERT INTO activity (chat_id, member_id, day, wrote, edited, voices, asked)
        SELECT news.chat_id, news.member_id, CAST(now() AT TIME ZONE 'UTC' AS date), wrote, edited, voices, asked
        FROM news JOIN mark USING (update_id) LEFT JOIN chat_to_member AS bond USING (chat_id, member_id)
        WHERE news.member_id IS NOT NULL AND wrote + edited + voices + asked > 0
            AND NOT COALESCE(bond.is_forgotten, false)
        ORDER BY news.chat_id, news.member_id
        ON CONFLICT (chat_id, member_id, day) DO UPDATE SET wrote = activity.wrote + excluded.wrote,
            edited = activity.edited + excluded.edited, voices = activity.voices + excluded.voices,
            asked = activity.asked + excluded.asked
    )
    SELECT news.update_id, mark.update_id IS NOT NULL AS is_fresh,
        COALESCE(chat.settings, '{}') AS settings, chat.administrators_at,
        news.edited > 0 AND EXISTS (
            SELECT FROM handled_update AS earlier WHERE earlier.chat_id = news.chat_id
                AND earlier.message_id = news.message_id AND earlier.command IS NOT NULL
        ) AS was_command
    FROM news LEFT JOIN mark USING (update_id) LEFT JOIN chat ON chat.id = news.chat_id
    """).columns(
    update_id=BigInteger(),
    is_fresh=Boolean(),
    settings=JSONB(),
    administrators_at=DateTime(timezone=True),
    was_command=Boolean(),
)


_COUNT_TAUGHT = text(
    """
    INSERT INTO activity (chat_id, member_id, day, taught)
    SELECT bond.chat_id, bond.member_id, CAST(now() AT TIME ZONE 'UTC' AS date), CAST(:taught AS int)
    FROM chat_to_member AS bond
    WHERE bond.chat_id = :chat_id AND bond.member_id = :member_id AND NOT bond.is_forgotten
    ON CONFLICT (chat_id, member_id, day) DO UPDATE SET taught = activity.taught + excluded.taught
    """
)


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one update tells of its chat and its member, and what is to be counted."""

    update_id: int
    chat: ChatInfo
    message_id: int | None = None
    command: str | None = None
    member: User | None = None
    wrote: int = 0
    edited: int = 0
    voices: int = 0
    asked: int = 0


@dataclass(frozen=True, slots=True)
class Memory:
    """What was known before an update: whether it is new, and how its chat is set."""

    is_fresh: bool
    settings: dict[str, Any]
    administrators_at: datetime | None
    was_command: bool


async def remember(session: AsyncSession, bot_id: int, sightings: Sequence[Sighting]) -> dict[int, Memory]:
    """Mark the updates as handled, remember who was seen where, and count; at most one update of a chat at a time.

    :return: by update_id
    """
    members = [one.member for one in sightings]
    rows = await session.execute(
        _REMEMBER,
        {
            "bot_id": bot_id,
            "update_id": [one.update_id for one in sightings],
            "chat_id": [one.chat.id for one in sightings],
            "message_id": [one.message_id for one in sightings],
            "command": [one.command for one in sightings],
            "type": [one.chat.type for one in sightings],
            "title": [chat_title(one.chat) for one in sightings],
            "chat_username": [one.chat.username for one in sightings],
            "member_id": [one and one.id for one in members],
            "first_name": [one and one.first_name for one in members],
            "last_name": [one and one.last_name for one in members],
            "username": [one and one.username for one in members],
            "wrote": [one.wrote for one in sightings],
            "edited": [one.edited for one in sightings],
            "voices": [one.voices for one in sightings],
            "asked": [one.asked for one in sightings],
        },
    )
    return {row[0]: Memory(*row[1:]) for row in rows}


async def count_taught(session: AsyncSession, chat_id: int, member_id: int, taught: int) -> None:
    """Count what a member has taught; nothing of one who asked to be forgotten."""
    await session.execute(_COUNT_TAUGHT, {"chat_id": chat_id, "member_id": member_id, "taught": taught})


def chat_title(chat: ChatInfo) -> str:
    """How a chat is called: its title, or its one member's name."""
    if chat.title is not None:
        return chat.title
    return " ".join(part for part in (chat.first_name, chat.last_name) if part)
