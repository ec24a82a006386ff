"""Commands about packs."""

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from bread_bot.bot.answers import Answer
from bread_bot.bot.errors import BadRequest
from bread_bot.bot.models import Chat
from bread_bot.main.commands import application, fail, run, telegram_client
from bread_bot.main.database.base import async_session
from bread_bot.main.settings import settings
from bread_bot.packs import archive, transfer
from bread_bot.packs.archive import UnfitArchive

_INCOMPLETE = 3
_NEGATIVE_NUMBERS = {"ignore_unknown_options": True}  # the ids of groups


@application.command("export", context_settings=_NEGATIVE_NUMBERS)
def export_pack(
    chat_id: Annotated[int, typer.Argument(help="Telegram's id of the chat")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file; pack_<chat_id>.zip if left out")
    ] = None,
) -> None:
    """Write what a chat has taught to a zip file, media included; exit status 3 when Telegram did not give some."""
    run(_export(chat_id, output or Path(f"pack_{chat_id}.zip")))


@application.command("import", context_settings=_NEGATIVE_NUMBERS)
def import_pack(
    path: Annotated[Path, typer.Argument(help="A file that `export` has written", show_default=False)],
    chat_id: Annotated[int, typer.Option("--chat", help="Telegram's id of the chat that shall learn it")],
    via: Annotated[
        int | None,
        typer.Option(help="A chat to upload media in, best your own with the bot: each is seen there for a moment"),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done")] = False,
) -> None:
    """Teach a chat what a file holds; what it knows already stays. Exit status 3 when some media can't be had."""
    run(_import(path, chat_id, via, dry_run))


async def _export(chat_id: int, output: Path) -> None:
    try:
        with TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as directory:
            unfinished = Path(directory) / output.name
            number, media, missing = await _write(chat_id, unfinished)
            os.replace(unfinished, output)
    except OSError as error:
        fail(f"{output} can't be written: {error.strerror or error}")
    typer.echo(f"{number} values and {media - missing} media are in {output}.")
    if missing:
        raise typer.Exit(_INCOMPLETE)


async def _write(chat_id: int, path: Path) -> tuple[int, int, int]:
    """Write an archive; how many values and media the chat has, and how many media have no bytes in it."""
    missing = {}
    with archive.new(path) as file:
        async with async_session() as session:
            chat = await _chat(session, chat_id)
            number, media = await transfer.write_values(session, chat_id, file)
        if media:
            telegram = telegram_client(f"to fetch {len(media)} media")
            with typer.progressbar(media, label=f"{len(media)} media to fetch", file=sys.stderr) as shown:
                for medium in shown:
                    try:
                        await transfer.fetch(telegram, medium, file)
                    except BadRequest as error:
                        missing[medium.name] = f"{medium.title} is exported without its bytes: {error}"
        archive.write_head(file, _bot_id(), chat.title, number, frozenset(missing))
    for line in missing.values():
        typer.echo(line, err=True)
    return number, len(media), len(missing)


async def _import(path: Path, chat_id: int, via: int | None, dry_run: bool) -> None:
    try:
        with archive.opened(path) as source:
            async with async_session() as session:
                await _chat(session, chat_id)
                merge = await transfer.plan(session, source, chat_id, _bot_id())
            if not dry_run:
                uploaded = await _upload(merge, via) if merge.media else {}
                async with async_session() as session, session.begin():
                    merge = await transfer.bring_in(session, merge, uploaded)
    except UnfitArchive as error:
        fail(f"{path} can't be imported: {error}")
    for reaction, counts in merge.counts.items():
        told = f"{counts[transfer.ADDED]} added, {counts[transfer.KEPT]} known already"
        typer.echo(f"{reaction}: {told}, {counts[transfer.SKIPPED]} skipped for want of their bytes")
    if dry_run:
        typer.echo(f"This was a dry run: nothing is changed, {len(merge.media)} media are to be uploaded.")
    if any(counts[transfer.SKIPPED] for counts in merge.counts.values()):
        raise typer.Exit(_INCOMPLETE)


async def _upload(merge: transfer.Merge, via: int | None) -> dict[str, Answer]:
    number = len(merge.media)
    if via is None:
        fail(
            f"{number} media come from another bot and must be uploaded. Name a chat with --via, best your own with the"
            " bot: each file is sent there silently and deleted at once."
        )
    uploader = transfer.Uploader(telegram_client(f"to upload {number} media"), via)
    try:
        await uploader.check_chat()
    except BadRequest as error:
        fail(f"Chat {via} can't be used to upload: {error}")
    uploaded, refused = {}, []
    with typer.progressbar(merge.media.items(), label=f"{number} media to upload", file=sys.stderr) as shown:
        for name, kind in shown:
            try:
                uploaded[name] = await uploader.upload(kind, *merge.source.read(name))
            except BadRequest as error:
                refused.append(f"{merge.source.media[name]} is skipped: {error}")
    for line in refused:
        typer.echo(line, err=True)
    return uploaded


async def _chat(session: AsyncSession, chat_id: int) -> Chat:
    chat = await Chat.async_get(session, chat_id)
    if chat is None:
        fail(f"There is no chat {chat_id}: a bot has to hear something there first.")
    return chat


def _bot_id() -> int:
    token = settings.TELEGRAM_BOT_TOKEN
    return int(token.get_secret_value().partition(":")[0]) if token is not None else 0
