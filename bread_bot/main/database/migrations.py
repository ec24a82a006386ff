"""The schema: brought to its newest version, and whether it is there."""

import asyncio
from functools import cache

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from bread_bot.main.database.base import async_session, dispose_engines
from bread_bot.main.settings import BASE_DIR


def alembic_config() -> Config:
    """Alembic's configuration, without its logging: the program has its own."""
    config = Config(BASE_DIR / "alembic.ini")
    config.attributes["is_programmatic"] = True
    return config


def migrate() -> None:
    """Bring the database to the newest schema; of several processes at once, one does it and the others wait."""
    command.upgrade(alembic_config(), "head")


def migrate_if_needed() -> None:
    """The same, for a process without an event loop that will live long.

    A database that has the schema already is only asked: what a migration loads is 12 MB that never go again.
    """
    if not asyncio.run(_is_at_head_alone()):
        migrate()


async def _is_at_head_alone() -> bool:
    try:
        return await is_at_head()
    finally:
        await dispose_engines()  # its connections belong to this event loop


async def is_at_head() -> bool:
    """Whether the database has the newest schema."""
    try:
        async with async_session() as session:
            found = frozenset(await session.scalars(text("SELECT version_num FROM alembic_version")))
    except ProgrammingError:  # no such table: nothing has been migrated yet
        return False
    return found == _heads()


@cache
def _heads() -> frozenset[str]:
    return frozenset(ScriptDirectory.from_config(alembic_config()).get_heads())
