"""Logs: one line of JSON a record, with the trace it belongs to, and without secrets."""

import copy
import json
import logging
import logging.config
import re
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.orjson import OrjsonFormatter, orjson_default

from bread_bot.main.settings import settings
from bread_bot.utils.masking import hide, masked, without_secrets
from bread_bot.utils.tracing import current_ids

# Their INFO lines hold whole addresses, and so the bot's token; SQLAlchemy's DEBUG lines hold the rows.
_QUIET = ("httpx", "httpcore", "urllib3", "opencensus", "azure", "matplotlib", "PIL", "sqlalchemy")
_FIXED = ("timestamp", "level", "logger", "trace_id", "span_id", "app", "version", "env")
# JSON allows them in a text, but to some readers they end a line.
_LINE_ENDS = re.compile("[\x85\u2028\u2029]")
# Pydantic quotes what it refuses.
_REFUSED = re.compile(r"(?<=input_value=).*?(?=, input_type=)", re.DOTALL)

logger = logging.getLogger(__name__)


class LineFormatter(OrjsonFormatter):
    """A record as one line of JSON."""

    def __init__(self) -> None:
        super().__init__("%(message)s", reserved_attrs=[*RESERVED_ATTRS, "color_message"])

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end; arguments that don't fit their message are shown beside it."""
        if settings.AUTO_MASK_LOGS and record.args:
            record = _with_masked_arguments(record)
        try:
            return super().format(record)
        except Exception as error:
            plain = copy.copy(record)
            plain.msg, plain.args = f"{record.msg!r} {record.args!r} ({type(error).__name__})", None
            return super().format(plain)

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """Put the fields together: those that every line has, then the record's own."""
        own: dict[str, Any] = {}
        super().add_fields(own, record, message_dict)
        trace_id, span_id = current_ids()
        log_data |= {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": own.pop("message"),
            "trace_id": trace_id,
            "span_id": span_id,
            "app": settings.APP_NAME,
            "version": settings.VERSION,
            "env": settings.ENV,
        }
        for key, value in (masked(own) if settings.AUTO_MASK_LOGS else own).items():
            log_data[f"{key}_" if key in log_data else key] = value

    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        """Write the fields as JSON, and look once more for secrets."""
        line = self._dumps(log_data)
        return line if line.isascii() else _LINE_ENDS.sub(lambda end: f"\\u{ord(end[0]):04x}", line)

    def _dumps(self, log_data: dict[str, Any]) -> str:
        try:
            line = super().jsonify_log_record(log_data)
        except TypeError:  # a lone surrogate, a number over 64 bits, a key that is no key of JSON
            line = json.dumps(_with_plain_keys(log_data), default=orjson_default, ensure_ascii=False)
            line = line.encode(errors="replace").decode()
        if without_secrets(line) == line:
            return line
        # Masked value by value: a secret such as 1234 would break the syntax, one such as bread_bot the fixed fields.
        fields = json.loads(line)
        fixed = {key: fields.pop(key) for key in _FIXED}
        return json.dumps(fixed | _without_secrets(fields), ensure_ascii=False)

    def formatException(self, ei: Any) -> str:
        """The trace of an exception."""
        text = str(super().formatException(ei))
        return _REFUSED.sub("***", text) if settings.AUTO_MASK_LOGS else text


class _Output(logging.Handler):
    """Standard output as it is at the moment: it may be replaced, above all by tests."""

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        with suppress(OSError, ValueError):  # it is closed, and there is nowhere to tell that
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


def configure_logging() -> None:
    """Send all records, warnings and uncaught exceptions to standard output as lines of JSON."""
    hide_settings()
    level = "DEBUG" if settings.DEBUG else settings.LOG_LEVEL
    loggers: dict[str, dict[str, Any]] = {name: {"level": "WARNING"} for name in _QUIET}
    loggers |= {name: {"handlers": [], "propagate": True} for name in ("uvicorn", "uvicorn.error", "uvicorn.asgi")}
    # The middleware logs requests, with more to tell.
    loggers["uvicorn.access"] = {"handlers": [], "propagate": False}
    # Its WARNING lines hold what was typed as a name, its DEBUG lines whole forms.
    loggers["starlette_admin"] = {"level": "ERROR"}
    # With DB_ECHO it would get a handler of SQLAlchemy's own.
    loggers["sqlalchemy.engine.Engine"] = {"handlers": ["nowhere"]}
    loggers["bread_bot"] = {"level": level}
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": {"()": LineFormatter}},
            "handlers": {
                "output": {"()": _Output, "formatter": "line", "level": level},
                "nowhere": {"class": "logging.NullHandler"},
            },
            "root": {"level": settings.LOG_LEVEL, "handlers": ["output"]},
            "loggers": loggers,
        }
    )
    logging.captureWarnings(True)
    if sys.excepthook is sys.__excepthook__:  # else somebody, such as pytest, looks after them
        sys.excepthook = _log_uncaught
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _log_uncaught_in_thread


def hide_settings() -> None:
    """Never show the settings' secrets, in any text that passes `without_secrets`."""
    for secret in (settings.SECRET_KEY, settings.DB_PASSWORD, settings.WEBHOOK_SECRET):
        hide(secret.get_secret_value() if secret is not None else None)
    if settings.TELEGRAM_BOT_TOKEN is not None:
        token = settings.TELEGRAM_BOT_TOKEN.get_secret_value()
        hide(token)
        hide(token.partition(":")[2])
    if settings.APPLICATIONINSIGHTS_CONNECTION_STRING is not None:
        connection = settings.APPLICATIONINSIGHTS_CONNECTION_STRING.get_secret_value()
        hide(connection)
        for pair in connection.split(";"):
            key, _, value = pair.partition("=")
            hide(value if key.strip().lower() == "instrumentationkey" else None)


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        logger.critical("The program ends by an exception", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(failure: threading.ExceptHookArgs) -> None:
    if failure.exc_value is not None and not isinstance(failure.exc_value, SystemExit):
        name = failure.thread.name if failure.thread is not None else "?"
        logger.critical("Thread %s ends by an exception", name, exc_info=failure.exc_value)


def _with_masked_arguments(record: logging.LogRecord) -> logging.LogRecord:
    assert record.args
    if isinstance(record.args, Mapping):
        arguments: Any = masked(record.args)
    elif all(argument is None or isinstance(argument, str | int | float) for argument in record.args):
        return record
    else:
        arguments = tuple(masked(argument) for argument in record.args)
    record = copy.copy(record)  # others read it, too
    record.args = arguments
    return record


def _with_plain_keys(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _with_plain_keys(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_with_plain_keys(item) for item in value]
    return value


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {without_secrets(key): _without_secrets(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    if isinstance(value, str):
        return without_secrets(value)
    text = str(value)
    return value if without_secrets(text) == text else without_secrets(text)
