"""A chat's pack on its way into an archive, and from there into any chat of any bot."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from zipfile import ZipFile

from sqlalchemy import BigInteger, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from bread_bot.bot import pace
from bread_bot.bot.answers import Answer, received
from bread_bot.bot.errors import BadRequest, CommandError, TelegramUnavailable, TooManyRequests
from bread_bot.bot.models import Member
from bread_bot.bot.schemas.update import Message
from bread_bot.bot.telegram import FILE_SECONDS, TelegramClient, method_of
from bread_bot.main.settings import settings
from bread_bot.packs import archive, pack
from bread_bot.packs.archive import Archive, UnfitArchive
from bread_bot.packs.models import Taught
from bread_bot.packs.reactions import Reaction
from bread_bot.utils.text import cut, one_line

ADDED, KEPT, SKIPPED = "added", "kept", "skipped"

_ATTEMPTS = 5
_SHOWN = 60

T = TypeVar("T")


# ---- out


@dataclass(frozen=True, slots=True)
class Medium:
    """A medium whose bytes are wanted: its name in the archive, and what people may call it."""

    name: str
    file_id: str
    title: str


async def write_values(session: AsyncSession, chat_id: int, file: ZipFile) -> tuple[int, list[Medium]]:
    """Write all values of a chat into an archive; how many, and their media."""
    columns = (Taught.reaction, Taught.key, Taught.kind, Taught.value, Taught.caption, Taught.file_unique_id)
    statement = select(*columns, Taught.author_id, Taught.created_at).where(Taught.chat_id == chat_id)
    rows = await session.stream(statement.order_by(Taught.id).execution_options(yield_per=1000))
    number = 0
    media: dict[str, Medium] = {}
    with archive.open_values(file) as stream:
        async for row in rows:
            name = archive.medium_name(row)
            archive.write_value(stream, row, name)
            number += 1
            if name is not None and name not in media:
                key = f" «{cut(one_line(row.key), _SHOWN)}»" if row.key else ""
                media[name] = Medium(name, row.value, f"{row.kind} of {row.reaction}{key}")
    return number, list(media.values())


async def fetch(telegram: TelegramClient, medium: Medium, file: ZipFile) -> None:
    """Write the bytes of a medium into an archive.

    :raises BadRequest: Telegram does not give them
    :raises TelegramError: it can't be asked
    """
    path, content = await _insist(lambda: telegram.download(medium.file_id))
    archive.write_medium(file, medium.name, path, content)


# ---- in


class Merge:
    """The values of an archive as they come to a chat.

    :ivar counts: how many are added, kept as they are known there already, or skipped as nobody has their bytes
    :ivar media: the media that this bot has to upload for that, with their kinds
    :ivar authors: who taught what is added
    """

    def __init__(self, source: Archive, chat_id: int, bot_id: int, known: Set[str]) -> None:
        self.source = source
        self.chat_id = chat_id
        self.bot_id = bot_id
        self.counts: dict[Reaction, Counter[str]] = {reaction: Counter() for reaction in Reaction}
        self.media: dict[str, str] = {}
        self.authors: set[int] = set()
        self._known = set(known)

    def rows(self, uploaded: Mapping[str, Answer], members: Set[int] = frozenset()) -> Iterator[dict[str, Any]]:
        """What is new, once; of the authors only these members stay.

        :raises UnfitArchive: there is a value that can't be taught
        """
        for number, line in enumerate(self.source.lines(), 1):
            said = Answer(line.value, line.kind, line.caption, line.file_unique_id)
            author_id = line.author_id if line.author_id in members else None
            row = pack.taught_values(self.chat_id, line.reaction, line.key, said, author_id)
            try:
                pack.check(row)
            except CommandError as error:
                raise UnfitArchive(f"value {number}: {error}") from None
            counts = self.counts[line.reaction]
            if row["digest"] in self._known:
                counts[KEPT] += 1
                continue
            if line.medium is not None and self.source.head.bot_id != self.bot_id:
                own = uploaded.get(line.medium)
                if own is None:
                    counts[SKIPPED] += 1
                    continue
                self.media[line.medium] = line.kind
                # the digest stays that of the archive: what is imported once more is known then
                row |= {"kind": own.kind, "value": own.value, "file_unique_id": own.file_unique_id}
            self._known.add(row["digest"])
            if line.author_id is not None:
                self.authors.add(line.author_id)
            counts[ADDED] += 1
            yield row | {"created_at": line.taught_at}


async def plan(session: AsyncSession, source: Archive, chat_id: int, bot_id: int) -> Merge:
    """What an import would do if all uploads succeed.

    :raises UnfitArchive: it can't be done
    """
    known = await _digests(session, chat_id)
    merge = Merge(source, chat_id, bot_id, known)
    added = sum(1 for _ in merge.rows(dict.fromkeys(source.media, Answer(""))))
    if len(known) + added > settings.MAX_KEYS:
        raise UnfitArchive(f"{added} values are new, the chat has {len(known)}, and MAX_KEYS is {settings.MAX_KEYS}")
    return merge


async def bring_in(session: AsyncSession, planned: Merge, uploaded: Mapping[str, Answer]) -> Merge:
    """Teach a chat what was planned, within the session's transaction; «отмени» takes all of it back.

    :raises UnfitArchive: it can't be done any more
    """
    authors = bindparam("authors", list(planned.authors), ARRAY(BigInteger))
    members = set(await session.scalars(select(Member.id).where(Member.id == any_(authors))))
    known = await _digests(session, planned.chat_id)
    merge = Merge(planned.source, planned.chat_id, planned.bot_id, known)
    try:
        await pack.teach(session, merge.chat_id, "импорт", merge.rows(uploaded, members))
    except CommandError as error:
        raise UnfitArchive(str(error)) from None
    return merge


async def _digests(session: AsyncSession, chat_id: int) -> set[str]:
    return set(await session.scalars(select(Taught.digest).where(Taught.chat_id == chat_id)))


class Uploader:
    """Makes media this bot's own by messages in a chat, each of which is deleted at once."""

    def __init__(self, telegram: TelegramClient, chat_id: int) -> None:
        self._telegram = telegram
        self._chat_id = chat_id
        self._pace = pace.Pace()

    async def check_chat(self) -> None:
        """Make sure that the bot knows the chat.

        :raises TelegramError: it does not
        """
        await _insist(lambda: self._telegram.call("getChat", {"chat_id": self._chat_id}))

    async def upload(self, kind: str, name: str, content: bytes) -> Answer:
        """Upload a file; what says it from now on.

        :raises BadRequest: Telegram does not take it
        :raises TelegramError: Telegram can't be reached, or does not let the bot write there
        """
        sent = Message.model_validate(await _insist(lambda: self._send(kind, name, content)))
        where = {"chat_id": self._chat_id, "message_id": sent.message_id}
        with suppress(BadRequest):  # it is gone, or may not be deleted there
            await _insist(lambda: self._telegram.call("deleteMessage", where))
        own = received(sent)
        if own is None:
            raise BadRequest("Telegram has made no medium of it")
        return own

    async def _send(self, kind: str, name: str, content: bytes) -> Any:
        await self._pace.wait(self._chat_id, processes=2)  # the other one is the server
        message = {"chat_id": self._chat_id, kind: name, "disable_notification": True}
        return await self._telegram.call(method_of(kind), message, content, timeout=FILE_SECONDS)


async def _insist(call: Callable[[], Awaitable[T]]) -> T:
    """Make a call again as often as Telegram asks to wait, and some times when it can't be reached."""
    failures = 0
    while True:
        try:
            return await call()
        except TooManyRequests as error:
            seconds = error.retry_after
        except TelegramUnavailable:
            failures += 1
            if failures == _ATTEMPTS:
                raise
            seconds = 2.0 ** (failures - 1)
        await pace.sleep(seconds)
