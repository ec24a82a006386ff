"""`python -m bread_bot export` and `import`, run as an operator would: between chats, and between bots."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZipFile

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text

from bread_bot.bot import pace
from bread_bot.bot.answers import MEDIA, Answer
from bread_bot.bot.errors import TelegramUnavailable
from bread_bot.bot.models import Chat
from bread_bot.bot.telegram import TelegramClient
from bread_bot.main.database.base import async_session
from bread_bot.main.settings import BASE_DIR, Connection, settings
from bread_bot.packs import archive, pack, transfer
from bread_bot.packs.archive import UnfitArchive
from bread_bot.packs.models import Cue, PackChange, Taught
from bread_bot.packs.reactions import Reaction
from bread_bot.tests.command_line import database_environment
from bread_bot.tests.talk import Talk
from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.fake import DOWNLOAD, TOKEN, BotAPI
from bread_bot.tests.telegram.updates import Place, people
from bread_bot.tests.telegram.world import MOST_DOWNLOADED

OTHER_TOKEN = "987654321:AAFakeTokenOfAnotherBot-0123456789abc"
OPERATOR = people.gleb.private
COLUMNS = (
    Taught.reaction, Taught.key, Taught.normal_key, Taught.kind, Taught.value, Taught.caption, Taught.file_unique_id,
    Taught.author_id, Taught.key_digest, Taught.digest, Taught.created_at,
)  # fmt: skip

_group_ids = count(-7_000_001, -1)


# ---- what operators do


class Operator:
    """Somebody at a terminal, with the settings of one of two bots."""

    def __init__(self, directory: Path, addresses: Mapping[str, str]) -> None:
        self.directory = directory
        self._addresses = addresses

    async def start(
        self,
        *arguments: object,
        token: str | None = TOKEN,
        program: Sequence[str] = ("-m", "bread_bot"),
        **options: str,
    ) -> Process:
        """Begin to run a command."""
        told = {
            "TELEGRAM_BOT_TOKEN": token or "",
            "TELEGRAM_API_URL": self._addresses.get(token or "", "http://127.0.0.1:1"),
            "CHAT_RATE": "0",
            "PYTHONPATH": str(BASE_DIR),
        }
        return await asyncio.create_subprocess_exec(
            *(sys.executable, *program, *map(str, arguments)),
            env=os.environ | database_environment() | told | options,
            cwd=self.directory,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
        )

    async def run(self, *arguments: object, **options: Any) -> tuple[int, str, str]:
        """Run a command: its exit status, and what it says on stdout and stderr."""
        process = await self.start(*arguments, **options)
        said, complained = (stream.decode() for stream in await process.communicate())
        assert "Traceback" not in complained, complained
        assert not any(secret.partition(":")[2] in said + complained for secret in (TOKEN, OTHER_TOKEN))
        assert process.returncode is not None
        return process.returncode, said, complained

    async def refusal(self, *arguments: object, **options: Any) -> str:
        """Run a command that does nothing; the line that tells why."""
        status, said, complained = await self.run(*arguments, **options)
        assert (status, said, complained.count("\n")) == (1, "", 1), said + complained
        return complained


@pytest.fixture
def other_api(bot_api: BotAPI) -> Iterator[BotAPI]:
    """Telegram as another bot sees it."""
    other = BotAPI(OTHER_TOKEN)
    yield other
    other.assert_clean()


@pytest.fixture
def operator(tmp_path: Path, bot_api: BotAPI, other_api: BotAPI) -> Iterator[Operator]:
    """An operator in an empty directory."""
    with bot_api.serve() as address, other_api.serve() as other_address:
        yield Operator(tmp_path, {TOKEN: address, OTHER_TOKEN: other_address})


async def taught(chat_id: int) -> list[Any]:
    """All that a chat has taught, in order."""
    async with async_session() as session:
        rows = await session.execute(select(*COLUMNS).where(Taught.chat_id == chat_id).order_by(Taught.id))
        return list(rows.all())


async def teach_all(talk: Talk) -> dict[str, dict[str, Any]]:
    """Teach a chat something of every kind; the media by kind."""
    for lesson in ("триггер Привет=Медвед", "подстроку хлеб=Кто звал?", "ответ Сам такой", "оскорбление Сухарь"):
        await talk.say(f"Хлеб добавь {lesson}", sender=people.vera)
    sent = {}
    for kind in MEDIA:
        caption = {"caption": "подпись\nв две строки"} if kind == "photo" else {}
        await talk.say(None, **{kind: True}, **caption)
        sent[kind] = talk.last
        await talk.say(f"Хлеб запомни триггер {kind}", reply_to=talk.last)
    return sent


async def say_hello(talk: Talk) -> Place:
    """A group that the bot is new in."""
    place = updates.group()
    await talk.say("всем привет", chat=place)
    return place


def lines(path: Path) -> list[dict[str, Any]]:
    """The values in an archive."""
    with ZipFile(path) as file:
        return [json.loads(line) for line in file.read("values.jsonl").splitlines()]


# ---- from chat to chat


async def test_another_chat_of_the_same_bot(talk: Talk, operator: Operator) -> None:
    """All is known there, as it was taught, without an upload; what is there stays, and «отмени» takes it back."""
    await teach_all(talk)
    status, said, complained = await operator.run("export", talk.chat.id, "-o", "pack.zip")
    assert status == 0, complained
    assert "12 values and 8 media" in said and "8 media to fetch" in complained
    assert [path.name for path in operator.directory.iterdir()] == ["pack.zip"]

    other = await say_hello(talk)
    await talk.say("Хлеб добавь триггер Привет=Кабан", chat=other)
    await talk.say("Хлеб добавь триггер привет=Медвед", chat=other)
    status, said, complained = await operator.run("import", "pack.zip", "--chat", other.id)
    assert (status, complained) == (0, "")
    assert "trigger: 8 added, 1 known already, 0 skipped" in said
    assert all(f"{one}: 1 added, 0 known" in said for one in ("substring", "fallback", "insult"))
    before = [row for row in await taught(talk.chat.id) if row.value != "Медвед"]
    assert (await taught(other.id))[2:] == before

    (photo,) = await talk.hear("photo", chat=other)
    assert (photo.kind, photo.text) == ("photo", "подпись\nв две строки")
    assert [(await talk.hear(kind, chat=other))[0].kind for kind in MEDIA] == list(MEDIA)
    (answer,) = await talk.hear("дай хлеба", chat=other)
    assert answer.text == "Кто звал?"
    assert "Вера" in str(await talk.say("Хлеб почему", reply_to=answer.message, chat=other))
    assert await talk.say("bread_bot как сам?", chat=other) == "Сам такой"
    assert not talk.bot_api.calls_of("deleteMessage")

    status, said, _ = await operator.run("import", "pack.zip", "--chat", other.id)
    assert status == 0 and "trigger: 0 added, 9 known already" in said
    assert "«импорт»" in str(await talk.say("Хлеб отмени", chat=other))
    assert await talk.say("дай хлеба", chat=other) is None
    assert {row.value for row in await taught(other.id)} == {"Кабан", "Медвед"}


async def test_an_author_whom_nobody_knows_is_dropped(talk: Talk, operator: Operator) -> None:
    """Whoever is known stays the author."""
    await talk.say("Хлеб добавь триггер а=1", sender=people.vera)
    await talk.say("Хлеб добавь триггер б=2", sender=people.boris)
    await operator.run("export", talk.chat.id, "-o", "pack.zip")
    other = await say_hello(talk)
    async with async_session() as session, session.begin():
        await session.execute(text("DELETE FROM chat_to_member WHERE member_id = :id"), {"id": people.vera.id})
        await session.execute(text("DELETE FROM activity WHERE member_id = :id"), {"id": people.vera.id})
        await session.execute(text("DELETE FROM member WHERE id = :id"), {"id": people.vera.id})
    assert (await operator.run("import", "pack.zip", "--chat", other.id))[0] == 0
    assert [row.author_id for row in await taught(other.id)] == [None, people.boris.id]


async def test_without_a_token(talk: Talk, operator: Operator) -> None:
    """Texts need no Telegram; media do."""
    await talk.say("Хлеб добавь триггер а=1")
    other = await say_hello(talk)
    assert (await operator.run("export", talk.chat.id, token=None))[0] == 0
    assert (await operator.run("import", f"pack_{talk.chat.id}.zip", "--chat", other.id, token=None))[0] == 0
    assert await talk.say("а", chat=other) == "1"
    await talk.say("Хлеб запомни триггер б", reply_to=updates.message(chat=talk.chat, photo=True))
    assert "TELEGRAM_BOT_TOKEN" in await operator.refusal("export", talk.chat.id, "-o", "media.zip", token=None)
    assert not (operator.directory / "media.zip").exists()


# ---- from bot to bot


async def exported_by_another_bot(talk: Talk, operator: Operator, other_api: BotAPI, **options: Any) -> Path:
    """An archive of the talk's chat as another bot writes it, for which its file_ids are good."""
    other_api.world.files |= talk.bot_api.world.files
    other_api.world.file_kinds |= talk.bot_api.world.file_kinds
    status, _, complained = await operator.run("export", talk.chat.id, "-o", "pack.zip", token=OTHER_TOKEN, **options)
    assert status in (0, 3), complained
    return operator.directory / "pack.zip"


async def test_another_bot(talk: Talk, operator: Operator, other_api: BotAPI) -> None:
    """It uploads the media, once each, where it is told to, and cleans up; what it says then is its own."""
    sent = await teach_all(talk)
    await talk.say("Хлеб запомни триггер ещё", reply_to=sent["photo"])
    await exported_by_another_bot(talk, operator, other_api)
    other = await say_hello(talk)

    needed = await operator.refusal("import", "pack.zip", "--chat", other.id)
    assert "8 media" in needed and "--via" in needed and "deleted" in needed
    status, told, _ = await operator.run("import", "pack.zip", "--chat", other.id, "--dry-run")
    assert status == 0 and "nothing is changed, 8 media are to be uploaded" in told
    assert await taught(other.id) == [] and not talk.bot_api.sent_to(OPERATOR.id)

    talk.bot_api.fail("sendVoice", retry_after=0)
    talk.bot_api.fail("sendPhoto", "refused connection")
    talk.bot_api.fail("deleteMessage", "bad gateway")
    status, said, complained = await operator.run("import", "pack.zip", "--chat", other.id, "--via", OPERATOR.id)
    assert status == 0, complained
    assert told.startswith(said), "the dry run tells the very same"
    uploads = talk.bot_api.sent_to(OPERATOR.id)
    assert sorted(one.kind for one in uploads) == sorted(MEDIA)
    assert all(one.call.params["disable_notification"] for one in uploads)
    assert {(OPERATOR.id, one.message_id) for one in uploads} <= talk.bot_api.world.deleted

    for kind in MEDIA:
        (answer,) = await talk.hear(kind, chat=other)
        medium = sent[kind]["message"][kind]
        original = medium[-1]["file_id"] if kind == "photo" else medium["file_id"]
        assert answer.kind == kind and answer.value != original
        assert talk.bot_api.world.files[answer.value] == other_api.world.files[original]
    (photo,) = await talk.hear("ещё", chat=other)
    assert photo.text == "подпись\nв две строки"

    calls = len(talk.bot_api.calls)
    status, said, _ = await operator.run("import", "pack.zip", "--chat", other.id)
    assert status == 0 and "trigger: 0 added, 10 known already, 0 skipped" in said
    assert len(talk.bot_api.calls) == calls
    assert "Забыл" in str(await talk.say("Хлеб удали", reply_to=photo.message, chat=other))
    assert await talk.say("ещё", chat=other) is None


async def test_media_that_can_not_be_had(talk: Talk, operator: Operator, other_api: BotAPI) -> None:
    """They are told by name and exported without bytes: good for the same bot, skipped by another."""
    for name in ("huge", "gone", "vanished", "good"):
        update = updates.message(chat=talk.chat, photo=name)
        talk.bot_api.note(update)
        await talk.say(f"Хлеб запомни триггер {name}", reply_to=update)
    talk.bot_api.world.files["huge"] = bytes(MOST_DOWNLOADED + 1)
    talk.bot_api.fail("getFile", "broken file", when=lambda call: call.params["file_id"] == "gone")
    talk.bot_api.fail(DOWNLOAD, status=404, when=lambda call: len(talk.bot_api.calls_of(DOWNLOAD)) == 1)
    status, said, complained = await operator.run("export", talk.chat.id, "-o", "own.zip")
    assert status == 3 and "4 values and 1 media" in said
    assert "photo of trigger «huge» is exported without its bytes: Bad Request: file is too big" in complained
    assert "«gone»" in complained and "«vanished»" in complained and "«good»" not in complained

    same = await say_hello(talk)
    assert (await operator.run("import", "own.zip", "--chat", same.id))[0] == 0
    assert [row.value for row in await taught(same.id)] == ["huge", "gone", "vanished", "good"]

    other_api.world.files["huge"] = bytes(MOST_DOWNLOADED + 1)
    del talk.bot_api.world.files["gone"]
    talk.bot_api.world.files["huge"] = b""
    other_api.fail("getFile", "broken file", when=lambda call: call.params["file_id"] == "huge")
    await exported_by_another_bot(talk, operator, other_api)
    talk.bot_api.fail("sendPhoto", description="Bad Request: IMAGE_PROCESS_FAILED", status=400)
    other = await say_hello(talk)
    arguments = ("import", "pack.zip", "--chat", other.id, "--via", OPERATOR.id)
    status, told, _ = await operator.run(*arguments, "--dry-run")
    assert status == 3 and "trigger: 2 added, 0 known already, 2 skipped" in told
    status, said, complained = await operator.run(*arguments)
    assert status == 3 and "trigger: 1 added, 0 known already, 3 skipped" in said
    assert "is skipped: Bad Request: IMAGE_PROCESS_FAILED" in complained
    assert len(await taught(other.id)) == 1
    status, said, _ = await operator.run(*arguments)
    assert status == 3 and "trigger: 1 added, 1 known already, 2 skipped" in said, "the next run goes on from there"


async def test_chats_that_can_not_be_used(talk: Talk, operator: Operator, other_api: BotAPI) -> None:
    """Nothing is done, and it is said why."""
    await teach_all(talk)
    await exported_by_another_bot(talk, operator, other_api)
    assert "no chat 4711" in await operator.refusal("export", 4711)
    assert "no chat -4711" in await operator.refusal("export", -4711)
    assert "no chat -4711" in await operator.refusal("import", "pack.zip", "--chat", -4711)
    other = await say_hello(talk)
    arguments = ("import", "pack.zip", "--chat", other.id, "--via", OPERATOR.id)
    talk.bot_api.fail("getChat", "chat not found")
    assert f"Chat {OPERATOR.id} can't be used" in await operator.refusal(*arguments)
    talk.bot_api.fail(None, "blocked", when=lambda call: call.method.startswith("send"))
    status, said, complained = await operator.run(*arguments)
    assert (status, said) == (1, "") and "Telegram: Forbidden: bot was blocked by the user" in complained
    talk.bot_api.fail(None, "unauthorized", times=None)
    status, said, complained = await operator.run(*arguments)
    assert (status, said) == (1, "") and "Telegram: Unauthorized" in complained
    assert await taught(other.id) == []
    assert "can't be written" in await operator.refusal("export", talk.chat.id, "-o", "nowhere/pack.zip")


@dataclass
class Clock:
    """Sleeping is what makes its time pass."""

    time: float = 1_800_000_000.0

    def now(self) -> float:
        """The Unix time."""
        return self.time

    async def sleep(self, seconds: float) -> None:
        """Be so much later at once."""
        self.time += seconds


async def test_telegram_is_asked_as_often_as_it_takes(bot_api: BotAPI, test_settings: pytest.MonkeyPatch) -> None:
    """Uploads keep to the pace of a chat, 429 is waited out, outages are bridged, but not for ever."""
    clock = Clock()
    test_settings.setattr(pace, "now", clock.now)
    test_settings.setattr(pace, "sleep", clock.sleep)
    test_settings.setattr(settings, "CHAT_RATE", 1)
    test_settings.setattr(settings, "CHAT_BURST", 1)
    uploader = transfer.Uploader(TelegramClient(TOKEN, bot_api.address), OPERATOR.id)
    start = clock.time
    for _ in range(3):
        await uploader.upload("photo", "a.jpg", b"a photo")
    assert clock.time - start == pytest.approx(2, abs=0.1)
    bot_api.fail("sendPhoto", retry_after=40, times=6)
    bot_api.fail("deleteMessage", retry_after=30)
    start = clock.time
    uploaded = await uploader.upload("photo", "a.jpg", b"another photo")
    assert bot_api.world.files[uploaded.value] == b"another photo"
    assert 270 <= clock.time - start < 280
    bot_api.fail("sendPhoto", "hang", times=None)
    bot_api.fail("getChat", "server error", times=None)
    with pytest.raises(TelegramUnavailable):
        await uploader.check_chat()
    assert len(bot_api.calls_of("getChat")) == 5


# ---- all or nothing


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupted_export_leaves_nothing(talk: Talk, operator: Operator, sent: signal.Signals) -> None:
    """Neither half a file, nor less than was there before."""
    await teach_all(talk)
    target = operator.directory / "pack.zip"
    target.write_bytes(b"precious")
    talk.bot_api.fail("getFile", "hang")
    heard = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job is deaf to Ctrl-C
    process = await operator.start("export", talk.chat.id, "-o", target)
    signal.signal(signal.SIGINT, heard)
    await talk.bot_api.wait_for(lambda api: api.calls_of("getFile"), timeout=30)
    process.send_signal(sent)
    await process.communicate()
    assert process.returncode in (-sent, 128 + sent)
    assert [path.name for path in operator.directory.iterdir()] == ["pack.zip"]
    assert target.read_bytes() == b"precious"


def row_of(number: int, chat_id: int) -> dict[str, Any]:
    """A value."""
    return pack.taught_values(chat_id, Reaction.TRIGGER, f"ключ {number}", Answer(f"значение {number}"), None)


async def new_chat() -> int:
    """The id of a chat that the database knows."""
    chat_id = next(_group_ids)
    async with async_session() as session, session.begin():
        session.add(Chat(id=chat_id, type="group", title="Группа"))
    return chat_id


async def new_pack(rows: Callable[[int], list[dict[str, Any]]]) -> int:
    """The id of a chat that has been taught something."""
    chat_id = await new_chat()
    async with async_session() as session, session.begin():
        await pack.teach(session, chat_id, "добавь", rows(chat_id))
    return chat_id


async def test_a_killed_import_has_done_nothing(database: Connection, operator: Operator) -> None:
    """It is one transaction: the first thousand values are gone, too, when it is killed at the second."""
    source = await new_pack(lambda chat_id: [row_of(number, chat_id) for number in range(1500)])
    assert (await operator.run("export", source, "-o", "pack.zip"))[0] == 0
    target = await new_chat()
    async with async_session() as rival, async_session() as observer:
        await pack.teach(rival, target, "добавь", [row_of(1499, target)])
        process = await operator.start("import", "pack.zip", "--chat", target)
        waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        async with asyncio.timeout(30):
            while not await observer.scalar(waiting):
                await observer.rollback()
                assert process.returncode is None
        process.kill()
        await process.communicate()
        await rival.rollback()
    async with async_session() as session:
        for table in (Taught, Cue, PackChange):
            assert await session.scalar(select(func.count()).select_from(table).where(table.chat_id == target)) == 0
    assert (await operator.run("import", "pack.zip", "--chat", target))[0] == 0
    assert len(await taught(target)) == 1500


async def test_a_chat_that_would_get_too_full_learns_nothing(database: Connection, operator: Operator) -> None:
    """MAX_KEYS holds; what is known already needs no room."""
    source = await new_pack(lambda chat_id: [row_of(number, chat_id) for number in range(20)])
    await operator.run("export", source, "-o", "pack.zip")
    target = await new_pack(lambda chat_id: [row_of(number, chat_id) for number in range(19, 22)])
    assert "MAX_KEYS" in await operator.refusal("import", "pack.zip", "--chat", target, MAX_KEYS="21")
    assert len(await taught(target)) == 3
    assert (await operator.run("import", "pack.zip", "--chat", target, MAX_KEYS="22"))[0] == 0
    assert len(await taught(target)) == 22


# ---- what is no archive


HEAD = {
    "format": "bread_bot pack", "version": 1, "bot_id": 5, "chat": "Группа", "exported_at": "2026-01-01T00:00:00Z",
    "values": 1, "missing": [],
}  # fmt: skip
LINE = {
    "reaction": "trigger", "key": "ключ", "kind": "text", "value": "да", "caption": None, "file_unique_id": "",
    "medium": None, "author_id": None, "taught_at": "2026-01-01T00:00:00Z",
}  # fmt: skip
PHOTO = LINE | {"kind": "photo", "value": "file-id", "file_unique_id": "abc", "medium": "abc"}


def written(
    path: Path, *extra: tuple[str, bytes], head: Any = HEAD, line: Any = LINE, compression: int = ZIP_DEFLATED
) -> Path:
    """An archive of one value, made by hand."""
    with ZipFile(path, "w", compression) as file:
        file.writestr("pack.json", json.dumps(head))
        file.writestr("values.jsonl", json.dumps(line) + "\n")
        for name, content in extra:
            file.writestr(name, content)
    return path


def plain(content: bytes) -> Callable[[Path], Path]:
    """Makes a file of these bytes."""

    def make(path: Path) -> Path:
        path.write_bytes(content)
        return path

    return make


def cut_off(path: Path) -> Path:
    """An archive whose end is missing."""
    path.write_bytes(written(path).read_bytes()[:-30])
    return path


def encrypted(path: Path) -> Path:
    """An archive whose entries claim to be encrypted."""
    content = bytearray(written(path).read_bytes())
    start = 0
    while (start := content.find(b"PK\x01\x02", start + 1)) > 0:
        content[start + 8] |= 1
    path.write_bytes(content)
    return path


def damaged(path: Path) -> Path:
    """An archive with a wrong byte."""
    content = bytearray(written(path, ("media/abc.jpg", b"\0" * 100), compression=0).read_bytes())
    content[content.find(b"\0" * 100) + 50] = 1
    path.write_bytes(content)
    return path


BROKEN: dict[str, tuple[Callable[[Path], Path], str]] = {
    "no zip": (plain(b"PK nonsense"), "no whole zip file"),
    "nothing": (lambda path: path.parent / "nothing.zip", "No such file"),
    "a directory": (lambda path: path.parent, "can't be read"),
    "empty": (plain(b"PK\5\6" + bytes(18)), "not in it"),
    "cut off": (cut_off, "no whole zip file"),
    "damaged": (damaged, "media/abc.jpg is damaged"),
    "encrypted": (encrypted, "encrypted"),
    "rare compression": (lambda path: written(path, compression=ZIP_BZIP2), "unusual"),
    "another version": (lambda path: written(path, head=HEAD | {"version": 2}), "version: Input should be 1"),
    "another format": (lambda path: written(path, head=HEAD | {"format": "x"}), "format"),
    "no head": (lambda path: written(path, head=[]), "pack.json"),
    "naive time": (lambda path: written(path, head=HEAD | {"exported_at": "2026-01-01T00:00:00"}), "exported_at"),
    "fewer values": (lambda path: written(path, head=HEAD | {"values": 2}), "has 1 values, pack.json says 2"),
    "a path": (lambda path: written(path, ("../../etc/passwd", b"x")), "'../../etc/passwd' does not belong"),
    "an absolute path": (lambda path: written(path, ("/etc/passwd", b"x")), "does not belong"),
    "a path in media": (lambda path: written(path, ("media/../x", b"x")), "does not belong"),
    "a stranger": (lambda path: written(path, ("README", b"x")), "does not belong"),
    "twins": (lambda path: written(path, ("media/abc.jpg", b"x"), ("media/abc.png", b"x")), "twice"),
    "a bomb": (lambda path: written(path, *((f"media/a{n}", bytes(30_000_000)) for n in range(5))), "zip bomb"),
    "a huge file": (lambda path: written(path, ("media/abc", bytes(50_000_001))), "too long"),
    "no JSON": (lambda path: written(path, line="{"), "line 1"),
    "a list": (lambda path: written(path, line=[1]), "line 1"),
    "another field": (lambda path: written(path, line=LINE | {"id": 1}), "line 1: id"),
    "a long key": (lambda path: written(path, line=LINE | {"key": "к" * 4097}), "line 1: key"),
    "a very long line": (lambda path: written(path, line=LINE | {"value": "к" * 500_000}), "line 1"),
    "another reaction": (lambda path: written(path, line=LINE | {"reaction": "dance"}), "line 1: reaction"),
    "no key": (lambda path: written(path, line=LINE | {"key": "  "}), "line 1: trigger takes a key"),
    "a key": (lambda path: written(path, line=LINE | {"reaction": "insult"}), "line 1: insult takes no key"),
    "a short key": (lambda path: written(path, line=LINE | {"reaction": "substring", "key": "ё"}), "«ё»"),
    "an empty key": (lambda path: written(path, line=LINE | {"key": "\ufe0f"}), "value 1"),
    "a NUL": (lambda path: written(path, line=LINE | {"value": "а\0б"}), "U+0000"),
    "half a character": (lambda path: written(path, line=LINE | {"value": "\ud83c"}), "line 1"),
    "no value": (lambda path: written(path, line=LINE | {"value": ""}), "line 1: value"),
    "a huge author": (lambda path: written(path, line=LINE | {"author_id": 2**63}), "line 1: author_id"),
    "an old time": (lambda path: written(path, line=LINE | {"taught_at": "0001-01-01T00:00:00+14:00"}), "taught_at"),
    "a text's medium": (lambda path: written(path, line=LINE | {"medium": "abc"}), "line 1"),
    "no medium": (lambda path: written(path, line=PHOTO), "line 1: there is no file media/abc"),
}


async def planned(path: Path, chat_id: int, bot_id: int = 0) -> transfer.Merge:
    """What an import would do."""
    with archive.opened(path) as source:
        async with async_session() as session:
            return await transfer.plan(session, source, chat_id, bot_id)


@pytest.mark.parametrize("what", BROKEN)
async def test_what_is_no_archive_is_refused(database: Connection, tmp_path: Path, what: str) -> None:
    """In one line, that tells what is wrong."""
    make, reason = BROKEN[what]
    with pytest.raises(UnfitArchive) as caught:
        await planned(make(tmp_path / "pack.zip"), await new_chat())
    assert reason in str(caught.value) and "\n" not in str(caught.value)


async def test_the_archives_of_these_tests_are_good_otherwise(database: Connection, tmp_path: Path) -> None:
    """Also one that somebody has packed anew; a value that is there twice counts once."""
    chat_id = await new_chat()
    merge = await planned(written(tmp_path / "a.zip"), chat_id)
    assert merge.counts[Reaction.TRIGGER] == {"added": 1}
    again = written(tmp_path / "b.zip", ("media/", b""), ("media/abc.jpg", b"x"), line=PHOTO)
    assert (await planned(again, chat_id)).media == {"abc": "photo"}
    with ZipFile(tmp_path / "c.zip", "w") as file:
        file.writestr("pack.json", json.dumps(HEAD | {"values": 2}))
        file.writestr("values.jsonl", f"{json.dumps(LINE)}\n{json.dumps(LINE)}")
    assert (await planned(tmp_path / "c.zip", chat_id)).counts[Reaction.TRIGGER] == {"added": 1, "kept": 1}


async def test_a_refused_archive_is_told_in_one_line(database: Connection, operator: Operator) -> None:
    """By the command, too; nothing is learnt."""
    chat_id = await new_chat()
    written(operator.directory / "pack.zip", head=HEAD | {"version": 2})
    assert "pack.zip can't be imported: pack.json: version" in await operator.refusal(
        "import", "pack.zip", "--chat", chat_id
    )
    assert (await operator.run("import", "pack.zip"))[0] == 2
    assert await taught(chat_id) == []


@given(st.data())
@hypothesis_settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damage_is_noticed(tmp_path: Path, data: st.DataObject) -> None:
    """Whatever bytes are wrong, an archive is read as it was or refused."""
    path = written(tmp_path / "pack.zip", ("media/abc.jpg", b"some bytes" * 5), line=PHOTO)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        with archive.opened(path) as source:
            assert [line.value for line in source.lines()] == ["file-id"]
            assert source.read("abc")[1] == b"some bytes" * 5
    except UnfitArchive as error:
        assert str(error)


# ---- whatever is in it


words = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=60)
values = st.builds(
    lambda reaction, key, value, caption, kind: (reaction, key if reaction.has_key else "", value, caption, kind),
    st.sampled_from(Reaction),
    words.map(lambda key: f"ключ {key}".strip()),
    words.filter(str.strip),
    st.none() | words,
    st.sampled_from(["text", *MEDIA]),
)


@given(st.lists(values, max_size=12))
@hypothesis_settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_what_comes_out_goes_in_and_comes_out_the_same(
    database: Connection, tmp_path: Path, some: list[tuple[Reaction, str, str, str | None, str]]
) -> None:
    """For any texts, keys and captions."""

    def rows(chat_id: int) -> list[dict[str, Any]]:
        answers = [
            (reaction, key, Answer(value, kind, caption, "" if kind == "text" else f"unique/{number}"))
            for number, (reaction, key, value, caption, kind) in enumerate(some)
        ]
        return [pack.taught_values(chat_id, reaction, key, said, None) for reaction, key, said in answers]

    async def exported(chat_id: int, path: Path) -> Path:
        with archive.new(path) as file:
            async with async_session() as session:
                number, media = await transfer.write_values(session, chat_id, file)
            archive.write_head(file, 5, "Группа", number, frozenset(medium.name for medium in media))
        return path

    source, target = await new_pack(rows), await new_chat()
    path = await exported(source, tmp_path / "a.zip")
    with archive.opened(path) as opened:
        async with async_session() as session, session.begin():
            plan = await transfer.plan(session, opened, target, 5)
            done = await transfer.bring_in(session, plan, {})
    assert plan.counts == done.counts
    assert sum(counts["added"] for counts in done.counts.values()) == len(await taught(source))
    assert await taught(source) == await taught(target)
    assert lines(await exported(target, tmp_path / "b.zip")) == lines(path)
    assert not sum(counts["added"] for counts in (await planned(path, target, 5)).counts.values())


# ru_maxrss would be this process's own: a child has it from before its exec
PEAK = """
import atexit, re, sys
from bread_bot.main.commands import main
atexit.register(lambda: print(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1], file=sys.stderr))
main()
"""


async def measured(operator: Operator, *arguments: object) -> int:
    """Run a command; the most memory it had, in bytes."""
    process = await operator.start(*arguments, program=("-c", PEAK))
    _, complained = await process.communicate()
    assert process.returncode == 0
    return int(complained.split()[-1]) * 1024


@pytest.mark.slow
async def test_a_large_pack(talk: Talk, operator: Operator) -> None:
    """20,000 values need a few megabytes more than none, on their way out and in; «отмени» takes them all back."""

    def rows(chat_id: int) -> list[dict[str, Any]]:
        return [
            pack.taught_values(chat_id, Reaction.SUBSTRING, f"ключ{number}", Answer(f"{number} " * 40), None)
            for number in range(20_000)
        ]

    empty, large, target = await new_chat(), await new_pack(rows), await say_hello(talk)
    least = await measured(operator, "export", empty, "-o", "empty.zip")
    assert await measured(operator, "export", large, "-o", "large.zip") < least + 30_000_000
    least = await measured(operator, "import", "empty.zip", "--chat", target.id)
    assert await measured(operator, "import", "large.zip", "--chat", target.id) < least + 45_000_000
    assert len(await taught(target.id)) == 20_000
    assert await talk.say("ключ19999", chat=target) == ("19999 " * 40)
    assert "ещё 19995" in str(await talk.say("Хлеб отмени", chat=target))
    assert await taught(target.id) == []
