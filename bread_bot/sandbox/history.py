"""The log of what has happened in the sandbox, cut down in time to what still shows."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import delete, select

from bread_bot.main.database.base import async_session
from bread_bot.sandbox.models import SandboxEvent
from bread_bot.sandbox.world import MESSAGES_KEPT, Json

RECENT = 1000  # the last events stay as they are: so much a page that was away may have missed
_PRUNED_EVERY = 100
# What the bot has told of itself outlives the world that people see.
_OF_THE_BOT = ("webhook", "allowed", "commands")


class History:
    """The events in the database; one task at a time may write.

    :ivar last: the number of the last event
    """

    def __init__(self) -> None:
        self.last = 0
        self._pruned_at = 0

    async def read(self, after: int = 0) -> list[tuple[int, Json]]:
        """The events after a number, in order."""
        query = select(SandboxEvent).where(SandboxEvent.id > after).order_by(SandboxEvent.id)
        async with async_session() as session:
            return [(one.id, one.value) for one in await session.scalars(query)]

    def has_all_since(self, number: int) -> bool:
        """Whether nothing has been pruned that happened after an event."""
        return self.last - RECENT <= number <= self.last

    async def append(self, events: Sequence[Json]) -> None:
        """Keep events; with a `reset` among them, of what was before only what the bot has told of itself."""
        begin = max((place for place, event in enumerate(events) if event["type"] == "reset"), default=None)
        async with async_session() as session, session.begin():
            if begin is not None:
                of_the_bot = SandboxEvent.value["type"].astext.in_(_OF_THE_BOT)
                await session.execute(delete(SandboxEvent).where(~of_the_bot))
                events = [one for one in events[:begin] if one["type"] in _OF_THE_BOT] + list(events[begin:])
            session.add_all(SandboxEvent(id=number, value=event) for number, event in enumerate(events, self.last + 1))
        self.last += len(events)

    async def prune(self) -> None:
        """Of what is not recent, keep the last event about each thing, at the place of the first one."""
        if self.last < self._pruned_at + _PRUNED_EVERY:
            return
        self._pruned_at = self.last
        async with async_session() as session, session.begin():
            query = select(SandboxEvent).where(SandboxEvent.id <= self.last - RECENT).order_by(SandboxEvent.id)
            rows = (await session.scalars(query)).all()
            kept: dict[tuple[Any, ...], SandboxEvent] = {}
            for row in rows:
                subject = _subject(row.value)
                if subject in kept:
                    kept[subject].value = row.value
                else:
                    kept[subject] = row
            outdated = {(), *_handled(kept), *_old_messages(kept)}
            staying = {row.id for subject, row in kept.items() if subject not in outdated}
            for row in rows:
                if row.id not in staying:
                    await session.delete(row)


def _subject(event: Json) -> tuple[Any, ...]:
    """What an event is about, so that a later one about the same replaces it; empty for what passes by."""
    match event:
        case {"type": "message" | "edit", "message": message}:
            return "message", message["chat"]["id"], message["message_id"]
        case {"type": "delete"}:
            return "message", event["chat_id"], event["message_id"]
        case {"type": "reaction" | "vote"}:
            return event["type"], event["chat_id"], event["message_id"], event["user_id"]
        case {"type": "member"}:
            return "member", event["chat_id"], event["user_id"]
        case {"type": "topic"}:
            return "topic", event["chat_id"], event["thread_id"]
        case {"type": "commands"}:
            return "commands", event["audience"]
        case {"type": "update"}:
            return "update", event["update"]["update_id"]
        case {"type": "handled"}:
            return "handled", event["update_id"]
        case {"type": "upgrade" | "webhook" | "allowed" | "mode" | "reset"}:
            return (event["type"],)
    return ()


def _handled(subjects: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """The updates that are done with, but the last one: from it on they are numbered."""
    numbers = sorted(subject[1] for subject in subjects if subject[:1] == ("handled",))
    for number in numbers[:-1]:
        yield "update", number
        yield "handled", number


def _old_messages(subjects: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """What is about messages that are not among the last ones of their chat."""
    about = [subject for subject in subjects if subject[:1] in (("message",), ("reaction",), ("vote",))]
    last: dict[int, int] = {}
    for _, chat_id, message_id, *_ in about:
        last[chat_id] = max(last.get(chat_id, 0), message_id)
    for subject in about:
        if subject[2] <= last[subject[1]] - MESSAGES_KEPT:
            yield subject
