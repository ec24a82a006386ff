"""Commands that wait for something outside: stored with their update, run after its commit, run again after a crash."""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from bread_bot.bot.context import ADMINISTRATORS_FRESH, Context
from bread_bot.bot.errors import CommandError, TelegramError
from bread_bot.bot.membership import join
from bread_bot.bot.models import Chat, ChatToMember, Deferred
from bread_bot.bot.outbox import Outbox
from bread_bot.bot.presence import ALIVE, Presence
from bread_bot.bot.schemas.update import ChatMemberState, Update
from bread_bot.bot.telegram import Destination, TelegramClient, sendings
from bread_bot.bot.answers import Answer
from bread_bot.main.database.base import async_session
from bread_bot.main.database.gauges import database_gauge
from bread_bot.main.settings import settings
from bread_bot.utils.tracing import joined, traceparent

if TYPE_CHECKING:
    from bread_bot.bot.dispatcher import Dispatcher

logger = logging.getLogger(__name__)

TOO_MANY = "Погоди, я ещё думаю над прошлыми просьбами."
FAILED = "Что-то у меня подгорело. Уже разбираемся, попробуй позже."
_AT_ONCE = 20
_ATTEMPTS = 3

_CLAIM = text(f"""
    UPDATE deferred SET owner = :owner
    WHERE id IN (
        SELECT id FROM deferred AS late
        WHERE resume_at <= now() AND id <> ALL(CAST(:running AS bigint[])) AND (owner IS NULL OR owner = :owner
            OR NOT EXISTS (SELECT FROM process WHERE process.id = late.owner AND {ALIVE}))
        ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED
    )
    RETURNING id
    """)

database_gauge(
    "bread_bot_deferred_commands",
    "Commands that run apart from their update, or wait to.",
    select(func.count()).select_from(Deferred).scalar_subquery(),
)


class Deferrer:
    """Runs commands in their own time; they keep no chat, no webhook and no connection waiting."""

    def __init__(self, telegram: TelegramClient, presence: Presence, outbox: Outbox) -> None:
        self.dispatcher: "Dispatcher"
        self._telegram = telegram
        self._presence = presence
        self._outbox = outbox
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._running: dict[int, asyncio.Task[None]] = {}
        self._sweeping: asyncio.Task[None] | None = None

    async def store(self, context: Context, update: Update) -> int:
        """Put a command off, within the transaction of its update.

        :raises CommandError: the chat has too many of them already
        """
        pending = select(func.count()).select_from(Deferred).where(Deferred.chat_id == context.chat.id)
        if (await context.session.scalar(pending) or 0) >= settings.MAX_DEFERRED:
            raise CommandError(TOO_MANY)
        row = insert(Deferred).values(
            chat_id=context.chat.id,
            update_id=context.update_id,
            body=update.model_dump(mode="json", exclude_none=True),
            owner=self._presence.id,
            traceparent=traceparent(),
        )
        return (await context.session.execute(row.returning(Deferred.id))).scalar_one()

    def run(self, ids: Iterable[int]) -> None:
        """Run what was put off, now that it is committed."""
        for number in ids:
            if number not in self._running:
                task = asyncio.create_task(self._run(number), name=f"deferred {number}")
                self._running[number] = task
                task.add_done_callback(partial(self._end, number))

    def _end(self, number: int, _: asyncio.Task[None]) -> None:
        self._running.pop(number, None)

    def start(self) -> None:
        """Take over what other processes left behind, now and from time to time."""
        self._sweeping = asyncio.create_task(self._sweep_on(), name="deferred sweep")

    async def stop(self, seconds: float) -> None:
        """Let the running ones end for at most so many seconds."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeping
        if running := list(self._running.values()):
            await asyncio.wait(running, timeout=seconds)
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def flush(self) -> None:
        """Wait until the commands that run now have ended."""
        while self._running:
            await asyncio.wait(list(self._running.values()))

    async def _run(self, number: int) -> None:
        async with self._room:
            try:
                await self._run_once(number)
            except Exception:
                logger.exception("A deferred command has failed")
                with suppress(Exception):
                    await self._put_off(number)

    async def _run_once(self, number: int) -> None:
        async with async_session() as session:
            row = (
                await session.execute(
                    select(Deferred, Chat.settings, Chat.administrators_at)
                    .join(Chat, Chat.id == Deferred.chat_id)
                    .where(Deferred.id == number, Deferred.owner == self._presence.id)
                )
            ).one_or_none()
        if row is None:
            return
        deferred, chat_settings, administrators_at = row
        happened = Update.model_validate(deferred.body)
        with joined(deferred.traceparent, "deferred command"):
            if _is_stale(administrators_at) and happened.chat is not None and happened.chat.is_group:
                administrators_at = await self._ask_administrators(deferred.chat_id)
            async with async_session() as session:
                context = self.dispatcher.deferred_context(
                    session, happened, chat_settings, administrators_at, self._telegram
                )
                answers = (
                    await self.dispatcher.answer_deferred(context, happened.callback_query)
                    if context is not None
                    else []
                )
                stored = await self._outbox.store(session, answers)
                if not await self._done(session, number):
                    return  # another process has taken it over: its answer counts
                await session.commit()
            self._outbox.send(stored)

    async def _done(self, session: AsyncSession, number: int) -> bool:
        gone = text("DELETE FROM deferred WHERE id = :id AND owner = :owner RETURNING id")
        return await session.scalar(gone, {"id": number, "owner": self._presence.id}) is not None

    async def _put_off(self, number: int) -> None:
        """Try a failed command again a little later; at last give it up, with one friendly line."""
        async with async_session() as session:
            row = await session.scalar(select(Deferred).where(Deferred.id == number).with_for_update())
            if row is None:
                return
            answers = []
            if row.attempts + 1 < _ATTEMPTS:
                delay = text("now() + make_interval(secs => :delay)").bindparams(delay=2.0 ** (row.attempts + 1))
                values: dict[str, Any] = {"attempts": row.attempts + 1, "resume_at": delay, "owner": None}
                await session.execute(update(Deferred).where(Deferred.id == number).values(values))
            else:
                message = Update.model_validate(row.body).message
                if message is not None:
                    with joined(row.traceparent, "deferred command given up"):
                        answers = [(row.update_id, one) for one in sendings(Answer(FAILED), Destination.of(message))]
                await session.delete(row)
            stored = await self._outbox.store(session, answers)
            await session.commit()
        self._outbox.send(stored)

    async def _ask_administrators(self, chat_id: int) -> datetime:
        """Ask Telegram who manages a chat; where it does not say, what is known stays for a while."""
        now = datetime.now(UTC)
        states: list[ChatMemberState] | None = None
        try:
            found = await self._telegram.call("getChatAdministrators", {"chat_id": chat_id}, timeout=5)
            states = [ChatMemberState.model_validate(one) for one in found]
        except (TelegramError, ValueError, TypeError) as error:
            logger.warning("The administrators of a chat are not known: %s", error, extra={"chat_id": chat_id})
        async with async_session() as session, session.begin():
            if states is not None:
                await join_administrators(session, chat_id, states)
            await session.execute(update(Chat).where(Chat.id == chat_id).values(administrators_at=now))
        return now

    async def sweep(self) -> None:
        """Take over the commands of processes that are gone, and our own that are due."""
        parameters = {"owner": self._presence.id, "lease": settings.LEASE_SECONDS, "running": list(self._running)}
        async with async_session() as session, session.begin():
            claimed = list(await session.scalars(_CLAIM, parameters))
        self.run(claimed)

    async def _sweep_on(self) -> None:
        while True:
            try:
                await self.sweep()
            except Exception as error:
                logger.warning("Deferred commands could not be looked for: %s", type(error).__name__)
            await asyncio.sleep(settings.LEASE_SECONDS / 10)


async def join_administrators(session: AsyncSession, chat_id: int, states: Iterable[ChatMemberState]) -> None:
    """Remember who manages a chat, within the session's transaction."""
    people = [one.user for one in states if one.is_administrator and not one.user.is_bot]
    await join(session, chat_id, people)
    manages = ChatToMember.member_id.in_([one.id for one in people])
    bond = update(ChatToMember).where(ChatToMember.chat_id == chat_id)
    await session.execute(bond.values(is_administrator=manages))


def _is_stale(administrators_at: datetime | None) -> bool:
    return administrators_at is None or datetime.now(UTC) - administrators_at > ADMINISTRATORS_FRESH
