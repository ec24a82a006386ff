"""Engines, sessions, and the base of all tables."""

import asyncio
import logging
from contextlib import suppress
from datetime import datetime
from math import ceil
from typing import Any

from sqlalchemy import URL, Dialect, Engine, MetaData, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.exc import DBAPIError, DisconnectionError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry
from sqlalchemy.types import DateTime

from bread_bot.main.database import embedded
from bread_bot.main.settings import BASE_DIR, DATABASE_SETTINGS, settings
from bread_bot.utils.metrics import gauge
from bread_bot.utils.tracing import instrument_engine

logger = logging.getLogger(__name__)

EMBEDDED = embedded.Place(BASE_DIR / ".bread_bot")

# How much longer than the server's own limit the client waits: a server that hangs does not keep its limits.
_GRACE_SECONDS = 1.0

# Classes of SQLSTATE, and states: connecting, signing in, no such database, deadlock, resources (disk full, too many
# connections), an operator's intervention (a statement's time is up, too), trouble of the system, read-only, locked.
_UNAVAILABLE = ("08", "28", "3D", "40", "53", "57", "58", "25006", "55P03")
_CONFLICTS = ("40001", "40P01", "23503")  # serialization, deadlock, a row that is referred to has gone meanwhile
_OVERDUE = "57014"  # or an operator has cancelled it

_SIZE = gauge("bread_bot_database_pool_size", "Connections to PostgreSQL that the workers may hold.")
_CONNECTIONS = gauge("bread_bot_database_pool_connections", "Connections that they hold, by use.", ["state"])
_IN_USE, _IDLE = _CONNECTIONS.labels("in_use"), _CONNECTIONS.labels("idle")
_WAITING = gauge("bread_bot_database_pool_waiting", "Tasks that wait because all connections are in use.")


class Base(DeclarativeBase):
    """The base of all tables: constraints have names, times have zones, and what the server computes is read back."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: DateTime(timezone=True)}
    __mapper_args__ = {"eager_defaults": True}


class _WatchedPool(AsyncAdaptedQueuePool):
    """A pool that tells how it is used."""

    __module__ = AsyncAdaptedQueuePool.__module__  # what it logs is not ours

    def _do_get(self) -> ConnectionPoolEntry:
        try:
            if self.checkedout() < self.size():
                return super()._do_get()
            with _WAITING.track_inprogress():
                return super()._do_get()
        finally:
            self._tell()

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        super()._do_return_conn(record)
        self._tell()

    def _tell(self) -> None:
        _IN_USE.set(self.checkedout())
        _IDLE.set(self.checkedin())


class _Engines:
    """The engines of this process, built when they are first asked for."""

    asynchronous: AsyncEngine | None = None
    synchronous: Engine | None = None


def database_url(driver: str) -> URL:
    """The address of the database for a driver (`asyncpg`, `psycopg`); starts the embedded one where none is set.

    :raises EmbeddedDatabaseError: the embedded PostgreSQL can't run
    """
    database = DATABASE_SETTINGS["default"]
    if settings.is_database_embedded and not database.get("is_running"):
        embedded.ensure_running(EMBEDDED)
        logger.info("No DB_* is set, so PostgreSQL is embedded; its data is in %s", EMBEDDED.data)
        database |= {"database": embedded.DATABASE, "user": embedded.USER, "password": None, "is_running": True}
        database |= {"host": str(EMBEDDED.sockets), "port": embedded.PORT}
    is_socket = database["host"].startswith("/")
    return URL.create(
        f"postgresql+{driver}",
        username=database["user"],
        password=database["password"],
        host=None if is_socket else database["host"],
        port=database["port"],
        database=database["database"],
        query={"host": database["host"]} if is_socket else {},
    )


def get_engine() -> AsyncEngine:
    """The engine, with this process's pool of DB_POOL_SIZE connections.

    It does without a ping, which would cost each use a round trip: a connection that the server has closed is noticed
    when it is taken from the pool, and replaced; one that breaks or hangs in use is dropped with all others.
    """
    if _Engines.asynchronous is None:
        arguments = {"poolclass": _WatchedPool, **_pool_arguments()}
        engine = create_async_engine(database_url("asyncpg"), connect_args=_asyncpg_arguments(), **arguments)
        _SIZE.set(settings.pool_size)
        event.listen(engine.sync_engine, "do_connect", _connect)
        event.listen(engine.sync_engine, "checkout", _check_open)
        event.listen(engine.sync_engine, "handle_error", _drop_broken)
        instrument_engine(engine.sync_engine)
        _Engines.asynchronous = engine
    return _Engines.asynchronous


def get_sync_engine() -> Engine:
    """The engine for code that is not asynchronous: Alembic, scripts."""
    if _Engines.synchronous is None:
        engine = create_engine(
            database_url("psycopg"), connect_args=_psycopg_arguments(), pool_pre_ping=True, **_pool_arguments()
        )
        event.listen(engine, "do_connect", _connect)
        instrument_engine(engine)
        _Engines.synchronous = engine
    return _Engines.synchronous


def async_session() -> AsyncSession:
    """A session that takes a connection when it first needs one."""
    return AsyncSession(get_engine(), expire_on_commit=False)


def sync_session() -> Session:
    """The same for code that is not asynchronous."""
    return Session(get_sync_engine(), expire_on_commit=False)


async def dispose_engines() -> None:
    """Close all connections; the next engine is built anew, from the settings as they are then."""
    asynchronous, synchronous = _Engines.asynchronous, _Engines.synchronous
    _Engines.asynchronous = _Engines.synchronous = None
    if synchronous is not None:
        synchronous.dispose()
    if asynchronous is not None:
        with suppress(TimeoutError):  # a server that hangs does not say good-bye
            async with asyncio.timeout(settings.DB_CONNECT_TIMEOUT):
                await asynchronous.dispose()


def is_unavailable(error: BaseException) -> bool:
    """Whether an error means that the database can't be worked with now, rather than that the program is wrong."""
    if isinstance(error, DBAPIError):
        is_broken = error.connection_invalidated or isinstance(error, OperationalError)
        return is_broken or str(getattr(error.orig, "sqlstate", None)).startswith(_UNAVAILABLE)
    return isinstance(error, PoolTimeoutError | embedded.EmbeddedDatabaseError)


def is_overdue(error: BaseException) -> bool:
    """Whether an error means that a statement itself takes too long, not that it waits for a lock or an answer."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) == _OVERDUE


def is_conflict(error: BaseException) -> bool:
    """Whether an error means that another transaction was in the way, and that the same may succeed now."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in _CONFLICTS


def _pool_arguments() -> dict[str, Any]:
    return {
        "pool_size": settings.pool_size,
        "max_overflow": 0,
        "pool_timeout": settings.DB_POOL_TIMEOUT,
        "pool_use_lifo": True,
        "echo": settings.DB_ECHO,
        "hide_parameters": True,
    }


def _asyncpg_arguments() -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "timeout": settings.DB_CONNECT_TIMEOUT,
        "command_timeout": settings.DB_STATEMENT_TIMEOUT + _GRACE_SECONDS,
    }
    if settings.DB_PGBOUNCER:  # a statement prepared on one server connection may be looked for on another
        return arguments | {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
    # jit: compiling the driver's own queries for types would cost 70 ms a connection
    return arguments | {"server_settings": _session_settings() | {"application_name": settings.APP_NAME}}


def _psycopg_arguments() -> dict[str, Any]:
    arguments: dict[str, Any] = {"connect_timeout": max(ceil(settings.DB_CONNECT_TIMEOUT), 2)}
    if settings.DB_PGBOUNCER:
        return arguments | {"prepare_threshold": None}
    options = " ".join(f"-c {name}={value}" for name, value in _session_settings().items())
    return arguments | {"options": options, "application_name": settings.APP_NAME}


def _session_settings() -> dict[str, str]:
    """What pgbouncer.ini sets, too; who waits for a lock is told so before the statement's time is up (is_overdue)."""
    milliseconds = max(int(settings.DB_STATEMENT_TIMEOUT * 1000), 2)
    return {"jit": "off", "statement_timeout": str(milliseconds), "lock_timeout": str(milliseconds * 4 // 5)}


def _connect(dialect: Dialect, _: object, arguments: tuple[Any, ...], named: dict[str, Any]) -> DBAPIConnection:
    """Connect, with the embedded database started again should its supervisor have been killed."""
    if DATABASE_SETTINGS["default"]["host"] == str(EMBEDDED.sockets):
        embedded.ensure_running(EMBEDDED)
    try:
        return dialect.connect(*arguments, **named)
    except OSError as error:  # asyncpg leaves these as they are
        assert dialect.dbapi is not None
        raise dialect.dbapi.OperationalError(f"no connection: {_told(error)}") from error


def _check_open(connection: Any, _: object, __: object) -> None:
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _drop_broken(context: ExceptionContext) -> OperationalError | None:
    """Give up a connection that hangs or breaks in use, at once: a polite end would wait for the server, too."""
    error = context.original_exception
    if not isinstance(error, OSError):
        return None
    if context.connection is not None and not context.connection.invalidated:
        driver_connection: Any = context.connection.connection.driver_connection
        driver_connection.terminate()
    context.is_disconnect = True
    return OperationalError(context.statement, None, error, hide_parameters=True, connection_invalidated=True)


def _told(error: OSError) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
