"""An update's way to its handler and back: one unit of work, committed before Telegram hears that it is done.

Updates that come in at the same time share one transaction, at most one update of a chat in each (see units.py). When
anything fails, all of them are rolled back and each goes alone.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from random import Random
from time import perf_counter
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from bread_bot.bot import membership
from bread_bot.bot.address import Address
from bread_bot.bot.answers import Answer, Reply, Toast, said_things
from bread_bot.bot.command import Command, CommandTable
from bread_bot.bot.context import Bot, Context
from bread_bot.bot.deferred import FAILED, Deferrer
from bread_bot.bot.errors import AdministratorsUnknown, CommandError, UsageError
from bread_bot.bot.failures import Failures, Fate
from bread_bot.bot.limits import CommandLimit
from bread_bot.bot.models import Chat
from bread_bot.bot.outbox import Outbox, Stored
from bread_bot.bot.remember import Memory, Sighting, chat_title, remember
from bread_bot.bot.schemas.update import KINDS, ButtonPress, Message, Update, User
from bread_bot.bot.telegram import Destination, Sending, TelegramClient, sendings
from bread_bot.bot.units import Units
from bread_bot.main.database.base import async_session, is_conflict, is_overdue, is_unavailable
from bread_bot.main.settings import settings
from bread_bot.utils.metrics import counter, histogram
from bread_bot.utils.tracing import Trail, following, span, together, trail

logger = logging.getLogger(__name__)

_NOTE = text("""
    UPDATE handled_update AS mark SET outcome = CAST(news.outcome AS jsonb)
    FROM unnest(CAST(:update_id AS bigint[]), CAST(:outcome AS text[])) AS news (update_id, outcome)
    WHERE mark.bot_id = :bot_id AND mark.update_id = news.update_id
    """)


class Outcome(StrEnum):
    """What has become of an update."""

    HANDLED = "handled"
    DUPLICATE = "duplicate"
    FAILED = "failed"
    SET_ASIDE = "set_aside"
    IGNORED = "ignored"
    UNAVAILABLE = "unavailable"


_UPDATES = counter("bread_bot_updates_total", "Updates, by what they are and what became of them.", ["kind", "outcome"])
_COUNTED = {(kind, one): _UPDATES.labels(kind, one) for kind in (*KINDS, "other") for one in Outcome}
_SECONDS = histogram(
    "bread_bot_update_handling_seconds",
    "Time from an update's coming until it is committed, or has failed.",
    buckets=(0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
_OUTCOMES = {
    Fate.AGAIN: Outcome.FAILED,
    Fate.SET_ASIDE_NOW: Outcome.SET_ASIDE,
    Fate.SET_ASIDE_EARLIER: Outcome.DUPLICATE,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a text asks of the bot: a command with its argument, or only that the bot listens (`rest`)."""

    command: Command | None = None
    alias: str = ""
    argument: str = ""
    rest: str | None = None


@dataclass(slots=True)
class Job:
    """An update on its way, and those who wait for its end."""

    update: Update
    asked: Asked
    done: asyncio.Future[None]
    trail: Trail = field(default_factory=trail)
    began: float = field(default_factory=perf_counter)
    outcome: Outcome = Outcome.HANDLED

    def end(self, error: Exception | None = None) -> None:
        """Count it, and tell those who wait."""
        _COUNTED[self.update.kind, self.outcome].inc()
        _SECONDS.observe(perf_counter() - self.began)
        if not self.done.done():
            self.done.set_result(None) if error is None else self.done.set_exception(error)


@dataclass(slots=True)
class Unit:
    """What a unit of work collects: answers with their updates, notes for «почему», and commands put off.

    `trails` tells, by update_id, where in its own trace each update is worked on.
    """

    trails: dict[int, Trail]
    sendings: list[tuple[int | None, Sending]] = field(default_factory=list)
    notes: dict[int, dict[str, Any]] = field(default_factory=dict)
    deferred: list[int] = field(default_factory=list)
    put_off: set[int] = field(default_factory=set)


class Dispatcher:
    """Handles updates; `random` is where all chance comes from."""

    def __init__(self, table: CommandTable, bot: Bot, outbox: Outbox, deferrer: Deferrer) -> None:
        self.table = table
        self.random = Random()
        self._outbox = outbox
        self._deferrer = deferrer
        self._limit = CommandLimit()
        self._failures = Failures()
        self._units = Units(self._try)
        self.introduce(bot)

    def introduce(self, bot: Bot) -> None:
        """Tell who the bot is, as soon as Telegram has said so."""
        self.bot = bot
        self._address = Address([settings.BOT_NAME, *settings.ALTER_NAMES], bot.username)

    @property
    def in_hand(self) -> int:
        """How many updates are being handled or wait for it."""
        return self._units.in_hand

    async def handle(self, update: Update) -> None:
        """Handle an update: when this returns, all that it changes and answers is committed.

        :raises Exception: nothing of it is, and Telegram should deliver it again
        """
        if not _concerns_us(update):
            _COUNTED[update.kind, Outcome.IGNORED].inc()
            return
        job = Job(update, self._asked(update), asyncio.get_running_loop().create_future())
        lane = update.chat.id if update.chat is not None else ("update", update.update_id)
        self._units.put(lane, job)
        await job.done

    async def retry(self, update: Update) -> None:
        """Handle an update that was set aside.

        :raises Exception: it fails again, and stays set aside
        """
        await self._work([Job(update, self._asked(update), asyncio.get_running_loop().create_future())])

    async def drain(self, seconds: float) -> None:
        """Wait until the updates in hand are done, for at most so many seconds."""
        await self._units.drain(seconds)

    # ---- units of work

    async def _try(self, jobs: Sequence[Job], *, again: bool = True) -> None:
        try:
            await self._work(jobs)
        except Exception as error:
            if len(jobs) > 1 and (is_conflict(error) or _is_fault(error)):
                for job in jobs:
                    await self._try([job])
                return
            if again and is_conflict(error):
                await self._try(jobs, again=False)
                return
            for job in jobs:
                with following(job.trail):
                    await self._fail(job, error)
        except BaseException:
            for job in jobs:
                job.done.cancel()
            raise
        else:
            for job in jobs:
                job.end()

    async def _fail(self, job: Job, error: Exception) -> None:
        fate = Fate.AGAIN
        job.outcome = Outcome.UNAVAILABLE
        if _is_fault(error):
            logger.error("An update could not be handled", exc_info=error, extra={"update_id": job.update.update_id})
            try:
                fate = await self._failures.count(self.bot.id, job.update, error)
            except Exception as second:
                logger.warning("The failure could not be counted: %s", type(second).__name__)
            job.outcome = _OUTCOMES[fate]
        if fate is Fate.SET_ASIDE_NOW and job.asked.rest is not None:
            await self._apologize(job.update)
        job.end(error if fate is Fate.AGAIN else None)

    async def _apologize(self, update: Update) -> None:
        """Say one friendly line to who has asked for something that a bug keeps from being done."""
        message = update.message or update.edited_message
        if message is None:
            return
        known = {"type": message.chat.type, "title": chat_title(message.chat)}
        try:
            async with async_session() as session:
                # of a new chat, all that the update has left behind is rolled back, too
                await Chat.async_get_or_create(session, known, id=message.chat.id)
                answers = [(None, one) for one in sendings(Answer(FAILED), Destination.of(message))]
                stored = await self._outbox.store(session, answers)
                await session.commit()
            self._outbox.send(stored)
        except Exception as error:
            logger.warning("Nobody could be told of the failure: %s", type(error).__name__)

    async def _work(self, jobs: Sequence[Job]) -> None:
        async with async_session() as session:
            with together("unit of work", [job.trail for job in jobs], updates=len(jobs)) as trails:
                unit = Unit({job.update.update_id: own for job, own in zip(jobs, trails, strict=True)})
                await self._handle_all(session, jobs, unit)
                stored = await self._outbox.store(session, unit.sendings) if unit.sendings else Stored()
                if unit.notes:
                    await session.execute(
                        _NOTE,
                        {
                            "bot_id": self.bot.id,
                            "update_id": list(unit.notes),
                            "outcome": [orjson.dumps(notes).decode() for notes in unit.notes.values()],
                        },
                    )
                await session.commit()
        self._outbox.send(stored)
        self._deferrer.run(unit.deferred)

    async def _handle_all(self, session: AsyncSession, jobs: Sequence[Job], unit: Unit) -> None:
        sightings = [_sighting(job) for job in jobs]
        memories = await remember(session, self.bot.id, [one for one in sightings if one is not None])
        contexts = []
        for job in jobs:
            memory = memories.get(job.update.update_id)
            if memory is None:
                continue
            if not memory.is_fresh:
                job.outcome = Outcome.DUPLICATE
                continue
            with following(unit.trails[job.update.update_id]):
                for greeting in await membership.follow(session, job.update, self.bot):
                    unit.sendings += ((job.update.update_id, one) for one in greeting)
            context = self._context(session, job, memory)
            if context is not None:
                contexts.append((context, job))
        await self._prepare(session, [context for context, _ in contexts])
        for context, job in contexts:
            with following(unit.trails[context.update_id]):
                reply = await self._answer(context, job, unit)
                if context.update_id not in unit.put_off:
                    unit.sendings += _spelled(context, reply, job.update.callback_query)
            if context.notes:
                unit.notes[context.update_id] = context.notes

    async def _prepare(self, session: AsyncSession, contexts: Sequence[Context]) -> None:
        listening = [one for one in contexts if one.command is None and not one.is_edit]
        if listening:
            for preparation in self.table.preparations:
                await preparation.handler(session, listening)

    def _context(self, session: AsyncSession, job: Job, memory: Memory) -> Context | None:
        update = job.update
        press = update.callback_query
        message = update.message or update.edited_message or (press.message if press else None)
        if message is None or _is_ignored(message.author if press is None else press.sender):
            return None
        if press is None and not message.from_person:
            return None
        if update.edited_message is not None and memory.was_command:
            return None
        return Context(
            update.update_id,
            message,
            message.chat,
            message.author if press is None else press.sender,
            self.bot,
            self.table,
            session,
            self.random,
            datetime.now(UTC),
            message.said,
            job.asked.rest,
            job.asked.command,
            job.asked.alias,
            job.asked.argument,
            update.edited_message is not None,
            memory.settings,
            memory.administrators_at,
        )

    # ---- handlers

    async def _answer(self, context: Context, job: Job, unit: Unit) -> Reply:
        press = job.update.callback_query
        if press is not None:
            try:
                async with context.session.begin_nested():
                    return await self._press(context, press)
            except CommandError as error:
                return Toast(str(error))
            except AdministratorsUnknown:
                return await self._put_off(context, job.update, unit)
        if context.command is not None:
            return await self._order(context, context.command, job.update, unit)
        for listener in self.table.listeners:
            if listener.edited == context.is_edit:
                with span(f"listener {listener.name}"):
                    reply = await listener.handler(context)
                if reply is not None:
                    context.notes.setdefault("listener", listener.name)
                    return reply
        return None

    async def _order(self, context: Context, command: Command, update: Update, unit: Unit) -> Reply:
        who = (context.chat.id, context.author.id if context.author else None)
        if (refusal := self._limit.refusal(who, update.update_id)) is not None:
            return refusal or None
        try:
            command.signature.read(context.argument)
            if not command.deferred:
                async with context.session.begin_nested():
                    with span(f"command {command.name}"):
                        return await call(context, command)
        except CommandError as error:
            return refused(command, error)
        except AdministratorsUnknown:
            pass
        return await self._put_off(context, update, unit)

    async def _press(self, context: Context, press: ButtonPress) -> Reply:
        word, _, rest = (press.data or "").partition(" ")
        handler = self.table.buttons.get(word)
        if handler is None:
            return None
        with span(f"button {word}"):
            return await handler.handler(context, rest)

    async def _put_off(self, context: Context, update: Update, unit: Unit) -> Reply:
        try:
            unit.deferred.append(await self._deferrer.store(context, update))
        except CommandError as error:
            return str(error) if update.callback_query is None else Toast(str(error))
        unit.put_off.add(context.update_id)
        return None

    # ---- what is asked

    def _asked(self, update: Update) -> Asked:
        message = update.message or update.edited_message
        return self.asked(message) if message is not None and message.from_person else Asked()

    def asked(self, message: Message) -> Asked:
        """What a message asks of the bot."""
        said = message.said
        if not said:
            return Asked()
        rest = self._address.called(said)
        if rest is not None:
            found = self.table.find(rest)
            return Asked(*found, rest) if found is not None else Asked(rest=rest)
        slash = self._address.slash(said)
        command = self.table.find_slash(slash.name) if slash is not None else None
        return (
            Asked(command, command.name, slash.rest, slash.rest)
            if slash is not None and command is not None
            else Asked()
        )

    async def answer_deferred(self, context: Context, press: ButtonPress | None) -> list[tuple[int | None, Sending]]:
        """Run a command, or the handler of a pressed button, that was put off, and spell its answer."""
        reply: Reply = None
        try:
            if press is not None:
                reply = await self._press(context, press)
            elif context.command is not None:
                with span(f"command {context.command.name}"):
                    reply = await call(context, context.command)
        except CommandError as error:
            await context.session.rollback()
            reply = Toast(str(error)) if context.command is None else refused(context.command, error)
        return _spelled(context, reply, press)

    def deferred_context(
        self,
        session: AsyncSession,
        update: Update,
        chat_settings: dict[str, Any],
        administrators_at: datetime | None,
        telegram: TelegramClient,
    ) -> Context | None:
        """The context of a command that was put off."""
        job = Job(update, self._asked(update), asyncio.get_running_loop().create_future())
        context = self._context(session, job, Memory(True, chat_settings, administrators_at, False))
        return replace(context, telegram=telegram) if context is not None else None


async def call(context: Context, command: Command) -> Reply:
    """Call a command's handler with its arguments read.

    :raises CommandError: they can't be, or the handler says so
    """
    return await command.handler(context, **command.signature.read(context.argument))


def refused(command: Command, error: CommandError) -> str:
    """What a member hears when a command can't be done: why, and how it is meant."""
    return f"{error} Например: «{command.shown_examples[0]}»." if isinstance(error, UsageError) else str(error)


def _spelled(context: Context, reply: Reply, press: ButtonPress | None) -> list[tuple[int | None, Sending]]:
    """An answer in the Bot API's words; a pressed button is always answered, else it would go on spinning."""
    things = list(said_things(reply))
    if press is not None and not any(isinstance(thing, Toast) for thing in things):
        things.insert(0, Toast())
    to = Destination.of(context.message, press.id if press is not None else None)
    return [(context.update_id, one) for thing in things for one in sendings(thing, to)]


def _is_fault(error: Exception) -> bool:
    """Whether an update itself may be why it fails; should the database be slow, it won't be quick to count that."""
    return is_overdue(error) or not is_unavailable(error)


def _is_ignored(user: User | None) -> bool:
    if user is None or not settings.IGNORED_USERS:
        return False
    return str(user.id) in settings.IGNORED_USERS or (user.username or "").lower() in settings.IGNORED_USERS


def _concerns_us(update: Update) -> bool:
    message = update.message or update.edited_message
    if message is None:
        return update.kind != "other"
    return message.from_person or membership.is_service(message)


def _sighting(job: Job) -> Sighting | None:
    update = job.update
    chat = update.chat
    if chat is None:
        return None
    message = update.message
    if message is not None and message.from_person:
        author = message.author
        voices = int(message.voice is not None or message.video_note is not None)
        asked = int(job.asked.rest is not None)
        command = job.asked.command.name if job.asked.command is not None else None
        wrote = int(not membership.is_service(message))
        return Sighting(update.update_id, chat, message.message_id, command, author, wrote, 0, voices, asked)
    edited = update.edited_message
    if edited is not None:
        command = job.asked.command.name if job.asked.command is not None else None
        return Sighting(update.update_id, chat, edited.message_id, command, edited.author, edited=1)
    press = update.callback_query
    if press is not None and not press.sender.is_bot:
        return Sighting(update.update_id, chat, member=press.sender)
    return Sighting(update.update_id, chat)
