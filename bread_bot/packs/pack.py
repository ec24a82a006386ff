"""The pack of a chat: taught, found, drawn from, shown, deleted, and taken back."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from itertools import islice
from random import Random
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import BigInteger, Double, Row, Text, bindparam, delete, exists, func, insert, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from bread_bot.bot.answers import Answer
from bread_bot.bot.errors import CommandError
from bread_bot.bot.models import Chat
from bread_bot.bot.switches import Switch, set_all
from bread_bot.main.settings import settings
from bread_bot.packs.models import Cue, PackChange, Taught
from bread_bot.packs.reactions import Reaction
from bread_bot.utils.morphology import key_forms, matching_forms
from bread_bot.utils.text import GRAM_SIZES, gram_candidates, gram_key, gram_size, normalize, stands_in

SHORTEST_SUBSTRING = 3
STEPS_BACK = 20
_LONGEST_CUE = 200
_BATCH = 1000

T = TypeVar("T")

WHOLE, WORDS, FORM = "whole", "words", "form"

# What the keys that were ever taught in a chat are found by: the whole text, a form of a word, or a gram of so many
# words. Nothing else is looked for, and where nothing was taught, nothing at all. They are only ever switched on, each
# for itself: two who teach at the same time, or a group that becomes a supergroup, lose none.
Kind: TypeAlias = str | int
CUES: dict[Kind, Switch[bool]] = {kind: Switch(f"cue_{kind}", False) for kind in (WHOLE, FORM, *GRAM_SIZES)}

# The cues of a text are one string, a line each: as elements of an array they would cost the driver much more.
# `chances` draws one of a key's values, each as likely as any other.
_FIND = text(r"""
    SELECT hit.place, drawn.*
    FROM (
        SELECT DISTINCT asked.place, asked.chance, cue.chat_id, cue.key_digest
        FROM unnest(:chat_ids, :cues, :chances) WITH ORDINALITY AS asked (chat_id, cues, chance, place)
        CROSS JOIN LATERAL unnest(string_to_array(asked.cues, E'\n')) AS said (cue)
        JOIN cue ON cue.chat_id = asked.chat_id AND cue.cue = said.cue COLLATE "C"
    ) AS hit
    CROSS JOIN LATERAL (
        SELECT reaction, key, normal_key, key_digest, kind, value, caption, file_unique_id, author_id, created_at
        FROM taught WHERE taught.chat_id = hit.chat_id AND taught.key_digest = hit.key_digest ORDER BY id
        LIMIT 1 OFFSET (
            SELECT floor(count(*) * hit.chance) FROM taught AS one
            WHERE one.chat_id = hit.chat_id AND one.key_digest = hit.key_digest
        )
    ) AS drawn
    """).bindparams(
    bindparam("chat_ids", type_=ARRAY(BigInteger)),
    bindparam("cues", type_=ARRAY(Text)),
    bindparam("chances", type_=ARRAY(Double)),
)


@dataclass(frozen=True, slots=True)
class Match:
    """A key that fits a text, by which rule (the whole text, whole words, another form of a word), and a value of it.

    `taught` is a row with the columns of Taught: any of the key's values, each with the same chance.
    """

    reaction: Reaction
    key: str
    key_digest: str
    rule: str
    taught: Any


def key_digest(reaction: Reaction, key: str) -> str:
    """What stands for a key in an index."""
    return _digest(reaction, normalize(key))


def taught_values(chat_id: int, reaction: Reaction, key: str, said: Answer, author_id: int | None) -> dict[str, Any]:
    """The row of a value."""
    unique = said.file_unique_id or said.value
    return {
        "chat_id": chat_id,
        "reaction": str(reaction),
        "key": key,
        "normal_key": normalize(key),
        "kind": said.kind,
        "value": said.value,
        "caption": said.caption,
        "file_unique_id": said.file_unique_id,
        "author_id": author_id,
        "key_digest": key_digest(reaction, key),
        "digest": _digest(reaction, normalize(key), said.kind, unique, said.caption or ""),
    }


def answer_of(row: Any) -> Answer:
    """What a row says."""
    return Answer(row.value, row.kind, row.caption, row.file_unique_id, about=row.key or None)


# ---- teaching


async def teach(session: AsyncSession, chat_id: int, command: str, rows: Iterable[dict[str, Any]]) -> int:
    """Add values to a chat's pack; those that it has already are kept once. Returns how many were new.

    :raises CommandError: the pack is full, or a key is too short
    """
    added = await _add(session, chat_id, rows)
    if added:
        await _keep_change(session, chat_id, command, added=added)
    return len(added)


async def replace(session: AsyncSession, chat_id: int, command: str, number: int, row: dict[str, Any]) -> bool:
    """Put a value in the place of another, which `undo` takes back at once; whether it was new.

    :raises LookupError: the other one is gone
    :raises CommandError: a key is too short
    """
    gone = await _remove(session, chat_id, Taught.id == number)
    if not gone:
        raise LookupError(number)
    added = await _add(session, chat_id, [row])
    await _keep_change(session, chat_id, command, added, [_as_values(one) for one in gone])
    return bool(added)


async def _add(session: AsyncSession, chat_id: int, rows: Iterable[dict[str, Any]]) -> list[int]:
    room = settings.MAX_KEYS - await Taught.async_count(session, Taught.chat_id == chat_id)
    added: list[int] = []
    kinds: set[Kind] = set()
    for batch in _batches(rows):
        for row in batch:
            check(row)
        room -= len(batch)
        if room < 0:
            raise CommandError(f"В голове больше нет места: я помню уже {settings.MAX_KEYS} значений. Сначала «удали».")
        added += await session.scalars(upsert(Taught).on_conflict_do_nothing().returning(Taught.id), batch)
        kinds |= await _index(session, chat_id, batch)
    await _switch_on(session, chat_id, kinds)
    return added


def check(row: Mapping[str, Any]) -> None:
    """Make sure that a value can be taught.

    :raises CommandError: its key is too short
    """
    if row["reaction"] == Reaction.SUBSTRING and len(row["normal_key"]) < SHORTEST_SUBSTRING:
        raise CommandError(f"Ключ «{row['key']}» коротковат для подстроки, нужно хотя бы три знака. Может, «триггер»?")
    if row["reaction"] in (Reaction.TRIGGER, Reaction.SUBSTRING) and not row["normal_key"]:
        raise CommandError("Пустой ключ мне не запомнить.")


async def _index(session: AsyncSession, chat_id: int, rows: Iterable[dict[str, Any]]) -> set[Kind]:
    """Note what leads to the keys of values; the kinds of CUES that it is."""
    cues: set[tuple[str, str]] = set()
    kinds: set[Kind] = set()
    for row in rows:
        for kind, cue in _key_cues(Reaction(row["reaction"]), row["normal_key"]):
            cues.add((cue, row["key_digest"]))
            kinds.add(kind)
    if cues:
        values = [{"chat_id": chat_id, "cue": cue, "key_digest": digest} for cue, digest in sorted(cues)]
        await session.execute(upsert(Cue).on_conflict_do_nothing(), values)
    return kinds


def _kinds(settings: Mapping[str, Any]) -> set[Kind]:
    """The kinds of CUES that are switched on in a chat's settings."""
    return {kind for kind, switch in CUES.items() if switch.of(settings)}


async def _switch_on(session: AsyncSession, chat_id: int, kinds: Iterable[Kind]) -> None:
    """Have a chat's messages looked through for these kinds of CUES, too."""
    if switches := {CUES[kind]: True for kind in kinds}:
        await set_all(session, chat_id, switches)


def _batches(things: Iterable[T]) -> Iterator[list[T]]:
    """Parts of what is too long for one statement: it takes at most 32,767 parameters and DB_STATEMENT_TIMEOUT."""
    rest = iter(things)
    while batch := list(islice(rest, _BATCH)):
        yield batch


def _key_cues(reaction: Reaction, normal_key: str) -> Iterator[tuple[Kind, str]]:
    """What may lead to a key, each with its kind of CUES."""
    if reaction is Reaction.TRIGGER:
        yield WHOLE, _whole_cue(normal_key)
    if reaction is Reaction.SUBSTRING:
        yield gram_size(normal_key), f"~{gram_key(normal_key)}"
        for form in key_forms(normal_key):
            yield FORM, f"#{form}"


def _text_cues(normal_text: str, kinds: Collection[Kind]) -> Iterator[str]:
    """What a text may lead to, of some kinds of CUES."""
    if WHOLE in kinds:
        yield _whole_cue(normal_text)
    for gram in gram_candidates(normal_text, kinds):
        yield f"~{gram}"
    if FORM in kinds:
        for form in matching_forms(normal_text):
            yield f"#{form}"


def _whole_cue(normal_text: str) -> str:
    return f"={normal_text}" if len(normal_text) <= _LONGEST_CUE else f"={_digest(normal_text)}"


def _digest(*parts: str) -> str:
    return blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


# ---- finding


@dataclass(frozen=True, slots=True)
class Question:
    """A text that may hold keys of a chat's pack; the chat's settings tell what to look for."""

    chat_id: int
    settings: Mapping[str, Any]
    text: str


async def find(session: AsyncSession, questions: Sequence[Question], random: Random) -> list[list[Match]]:
    """The keys that fit each text, in one statement, in none where nothing can; cost does not grow with the pack."""
    kinds = [_kinds(one.settings) for one in questions]
    normal = [normalize(one.text) if some else "" for one, some in zip(questions, kinds, strict=True)]
    cues = ["\n".join(_text_cues(said, some)) for said, some in zip(normal, kinds, strict=True)]
    if not any(cues):
        return [[] for _ in questions]
    rows = await session.execute(
        _FIND,
        {"chat_ids": [one.chat_id for one in questions], "cues": cues, "chances": [random.random() for _ in questions]},
    )
    found: list[list[Match]] = [[] for _ in questions]
    for row in rows:
        reaction = Reaction(row.reaction)
        rule = _rule(reaction, row.normal_key, normal[row.place - 1])
        if rule is not None:
            found[row.place - 1].append(Match(reaction, row.key, row.key_digest, rule, row))
    return found


def _rule(reaction: Reaction, normal_key: str, normal_text: str) -> str | None:
    """By which rule a key fits a text; the index only proposes."""
    if reaction is Reaction.TRIGGER:
        return WHOLE if normal_key == normal_text else None
    if stands_in(normal_key, normal_text):
        return WORDS
    return FORM if key_forms(normal_key) & matching_forms(normal_text) else None


async def draw_keyless(session: AsyncSession, chat_id: int, reaction: Reaction, random: Random) -> Taught | None:
    """One of the values that need no key, each as likely as any other."""
    belongs = (Taught.chat_id == chat_id) & (Taught.key_digest == key_digest(reaction, ""))
    place = select(func.floor(func.count() * bindparam("chance", random.random()))).where(belongs).select_from(Taught)
    statement = select(Taught).where(belongs).order_by(Taught.id).limit(1).offset(place.scalar_subquery())
    return (await session.scalars(statement)).first()


# ---- deleting, and taking back


async def forget(session: AsyncSession, chat_id: int, command: str, *conditions: Any) -> list[Taught]:
    """Delete the values of a chat's pack that fit the conditions; `undo` brings them back."""
    rows = await _remove(session, chat_id, *conditions)
    if rows:
        await _keep_change(session, chat_id, command, deleted=[_as_values(row) for row in rows])
    return rows


async def _remove(session: AsyncSession, chat_id: int, *conditions: Any) -> list[Taught]:
    statement = delete(Taught).where(Taught.chat_id == chat_id, *conditions).returning(Taught)
    rows = list((await session.scalars(statement)).all())
    await _drop_cues(session, chat_id, {row.key_digest for row in rows})
    return rows


async def _drop_cues(session: AsyncSession, chat_id: int, digests: Iterable[str]) -> None:
    still = exists().where(Taught.chat_id == chat_id, Taught.key_digest == Cue.key_digest)
    for some in _batches(digests):
        await session.execute(delete(Cue).where(Cue.chat_id == chat_id, Cue.key_digest.in_(some), ~still))


async def _keep_change(
    session: AsyncSession,
    chat_id: int,
    command: str,
    added: Sequence[int] = (),
    deleted: Sequence[dict[str, Any]] = (),
) -> None:
    values = {"chat_id": chat_id, "command": command, "added": list(added), "deleted": list(deleted)}
    await session.execute(insert(PackChange).values(values))
    kept = select(PackChange.id).where(PackChange.chat_id == chat_id).order_by(PackChange.id.desc()).limit(STEPS_BACK)
    await session.execute(delete(PackChange).where(PackChange.chat_id == chat_id, PackChange.id.not_in(kept)))


@dataclass(frozen=True, slots=True)
class Undone:
    """A change that was taken back: what went, and what came back."""

    command: str
    gone: Sequence[Any]
    back: Sequence[dict[str, Any]]


async def undo(session: AsyncSession, chat_id: int) -> Undone | None:
    """Take back the last change of a chat's pack; None when there is none (any more)."""
    change = await session.scalar(
        select(PackChange)
        .where(PackChange.chat_id == chat_id)
        .order_by(PackChange.id.desc())
        .limit(1)
        .with_for_update()
    )
    if change is None:
        return None
    gone: list[Row[tuple[str, str, str, str]]] = []
    columns = (Taught.key_digest, Taught.key, Taught.kind, Taught.value)
    for some in _batches(change.added):
        statement = delete(Taught).where(Taught.chat_id == chat_id, Taught.id.in_(some)).returning(*columns)
        gone += await session.execute(statement)
    await _drop_cues(session, chat_id, {row.key_digest for row in gone})
    back = [
        row | {"chat_id": chat_id, "created_at": datetime.fromisoformat(row["created_at"])} for row in change.deleted
    ]
    if back:
        await session.execute(upsert(Taught).on_conflict_do_nothing(), back)
        await _switch_on(session, chat_id, await _index(session, chat_id, back))
    await session.delete(change)
    await session.flush()
    return Undone(change.command, gone, back)


def _as_values(row: Taught) -> dict[str, Any]:
    """A row as JSON; it keeps its number, so that earlier changes that tell of it can be taken back, too."""
    names = (
        "id",
        "reaction",
        "key",
        "normal_key",
        "kind",
        "value",
        "caption",
        "file_unique_id",
        "author_id",
        "key_digest",
        "digest",
    )
    return {name: getattr(row, name) for name in names} | {"created_at": row.created_at.isoformat()}


# ---- copying


async def copy(session: AsyncSession, source: int, target: int, author_id: int | None, command: str) -> tuple[int, int]:
    """Add one pack's triggers and substrings to another, overwriting nothing; how many were new, and how many not."""
    columns = ("reaction", "key", "normal_key", "kind", "value", "caption", "file_unique_id", "key_digest", "digest")
    chosen = select(
        bindparam("target", target, BigInteger),
        bindparam("author", author_id, BigInteger),
        *(getattr(Taught, name) for name in columns),
    ).where(Taught.chat_id == source, Taught.reaction.in_([Reaction.TRIGGER, Reaction.SUBSTRING]))
    total = await Taught.async_count(
        session, Taught.chat_id == source, Taught.reaction.in_([Reaction.TRIGGER, Reaction.SUBSTRING])
    )
    if (await Taught.async_count(session, Taught.chat_id == target)) + total > settings.MAX_KEYS:
        raise CommandError("Столько туда уже не влезет.")
    statement = upsert(Taught).from_select(["chat_id", "author_id", *columns], chosen).on_conflict_do_nothing()
    added = list(await session.scalars(statement.returning(Taught.id)))
    if added:
        cues = select(bindparam("target", target, BigInteger), Cue.cue, Cue.key_digest).where(
            Cue.chat_id == source,
            exists().where(Taught.chat_id == target, Taught.key_digest == Cue.key_digest),
        )
        await session.execute(upsert(Cue).from_select(["chat_id", "cue", "key_digest"], cues).on_conflict_do_nothing())
        source_settings = await session.scalar(select(Chat.settings).where(Chat.id == source)) or {}
        await _switch_on(session, target, _kinds(source_settings))
        await _keep_change(session, target, command, added=added)
    return len(added), total - len(added)
