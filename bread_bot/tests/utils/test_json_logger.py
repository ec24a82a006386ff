"""A record is one line of JSON that tells where it belongs and no secret."""

import logging
import subprocess
import sys
import warnings
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from pydantic import BaseModel, SecretStr, ValidationError
from sqlalchemy import create_engine, text

from bread_bot.main.settings import settings
from bread_bot.tests.utils.lines import Lines
from bread_bot.utils.json_logger import LineFormatter
from bread_bot.utils.masking import MASK, hide
from bread_bot.utils.tracing import server_span, span

logger = logging.getLogger("bread_bot.tests.some")
TOKEN = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0"
SECRET = "s3cr3t/with+signs"


def test_fields(lines: Lines) -> None:
    logger.info("Привет, %s", "мир", extra={"chat_id": -100, "words": ["a", "б"]})
    (line,) = lines.read()
    assert datetime.fromisoformat(line.pop("timestamp")).tzinfo is not None
    assert line == {
        "level": "INFO", "logger": "bread_bot.tests.some", "message": "Привет, мир", "trace_id": None, "span_id": None,
        "app": settings.APP_NAME, "version": settings.VERSION, "env": settings.ENV, "chat_id": -100,
        "words": ["a", "б"],
    }


def test_trace(lines: Lines, spans: list[Any]) -> None:
    with server_span("request"), span("inner"):
        logger.info("here")
    (line,) = lines.read()
    assert (line["trace_id"], line["span_id"]) == (spans[0].context.trace_id, spans[0].span_id)


def test_a_line_stays_one_line(lines: Lines) -> None:
    logger.info("a\nb\r\u2028\u0085\x0b%s", '{"c": "\n"}', extra={"d\n": "e\nf"})
    logger.error("broken", exc_info=ValueError("two\nlines"))
    first, second = lines.read()
    assert first["message"] == 'a\nb\r\u2028\u0085\x0b{"c": "\n"}'
    assert first["d\n"] == "e\nf"
    assert "ValueError: two\nlines" in second["exc_info"]


def test_odd_values(lines: Lines) -> None:
    class Odd:
        def __str__(self) -> str:
            raise RuntimeError

    logger.info("big", extra={"number": 2**80, "odd": Odd(), "bytes": b"\xff", "set": {1}, "keys": {(1, 2): 3}})
    logger.info({"event": "dict", "token": "x"})
    logger.info("taken", extra={"level": "mine", "env": "other"})
    big, event, taken = lines.read()
    assert big["number"] == 2**80
    assert (event["event"], event["token"]) == ("dict", MASK)
    assert (taken["level"], taken["level_"], taken["env_"]) == ("INFO", "mine", "other")


def test_half_a_character() -> None:
    line = LineFormatter().format(logging.makeLogRecord({"msg": "\ud800", "number": 1}))
    assert (orjson.loads(line)["message"], orjson.loads(line)["number"]) == ("?", 1)


@pytest.mark.parametrize("arguments", [("only one",), {"no": "such key"}])
def test_arguments_that_do_not_fit(arguments: Any) -> None:
    record = logging.makeLogRecord({"msg": "%s %(unknown)s", "args": arguments})
    message = orjson.loads(LineFormatter().format(record))["message"]
    assert "%s %(unknown)s" in message and str(arguments) in message


def test_masks_extras_and_arguments(lines: Lines) -> None:
    class Form(BaseModel):
        password: str

    arguments = {"password": "abc123", "nested": [{"X-Api-Key": "abc123"}]}
    logger.info("%(password)s", arguments)
    logger.info("%s and %s", 1, arguments)
    logger.info("%s", Form(password="abc123"))
    logger.info("extra", extra={"token": "abc123", "user": {"e-mail": "abc123", "form": Form(password="abc123")}})
    try:
        Form.model_validate({"password": list(arguments.values())})
    except ValidationError:
        logger.exception("refused")
    first, _, _, fourth, refused = lines.read()
    assert "abc123" not in lines.text
    assert first["message"] == MASK
    assert (fourth["token"], fourth["user"]["e-mail"]) == (MASK, MASK)
    assert "input_type=list" in refused["exc_info"]
    assert arguments["password"] == "abc123"


def test_masking_can_be_switched_off(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "AUTO_MASK_LOGS", False)
    hide(SECRET)
    logger.info("shown", extra={"email": "a@b.c", "password": SECRET})
    (line,) = lines.read()
    assert (line["email"], line["password"]) == ("a@b.c", MASK)


@pytest.mark.parametrize("is_masking", [True, False])
def test_settings_secrets_never_show(
    configure: Callable[[], Lines], monkeypatch: pytest.MonkeyPatch, is_masking: bool
) -> None:
    key = "12345678-1234-1234-1234-123456789abc"
    secrets = {
        "TELEGRAM_BOT_TOKEN": TOKEN, "SECRET_KEY": "k" * 40, "DB_PASSWORD": SECRET, "WEBHOOK_SECRET": "hook_secret-1",
        "APPLICATIONINSIGHTS_CONNECTION_STRING": f"InstrumentationKey={key};IngestionEndpoint=https://x",
    }
    for name, value in secrets.items():
        monkeypatch.setattr(settings, name, SecretStr(value))
    monkeypatch.setattr(settings, "AUTO_MASK_LOGS", is_masking)
    lines = configure()
    shapes = [shape for value in [*secrets.values(), key, TOKEN.partition(":")[2]]
              for shape in (value, quote(value), quote(value, safe=""))]
    for shape in shapes:
        logger.info("message %s", shape)
        logger.info(f"https://api.telegram.org/bot{shape}/getMe")
        logger.warning("extra", extra={"url": f"https://{shape}", "list": [{"deep": shape}], shape: 1})
        logger.info("%(value)s", {"value": shape})
        try:
            raise ValueError(f"about {shape}") from KeyError(shape)
        except ValueError:
            logger.exception("failed")
    assert len(lines.read()) == 5 * len(shapes)
    for shape in shapes:
        assert shape not in lines.text


def test_a_secret_that_is_a_number_or_a_name(lines: Lines) -> None:
    hide("1234")
    hide("bread_bot")
    logger.info("bread_bot has the number 1234", extra={"number": 12345, "is": True, "half": 1234.5})
    (line,) = lines.read()
    assert line["message"] == "*** has the number ***"
    assert (line["number"], line["is"], line["half"]) == ("***5", True, "***.5")
    assert (line["app"], line["logger"]) == (settings.APP_NAME, "bread_bot.tests.some")


def test_other_loggers(lines: Lines) -> None:
    for name in ("uvicorn", "uvicorn.error", "sqlalchemy.pool", "alembic.runtime", "asyncio"):
        logging.getLogger(name).warning("joins")
    for name in ("httpx", "httpcore.connection", "sqlalchemy.engine"):
        logging.getLogger(name).info("https://api.telegram.org/bot1:a/getMe")
    logging.getLogger("uvicorn.access").error("a request")
    assert [line["logger"] for line in lines.read()] == [
        "uvicorn", "uvicorn.error", "sqlalchemy.pool", "alembic.runtime", "asyncio",
    ]
    assert not logging.getLogger("uvicorn.access").propagate


def test_sql_is_logged_as_lines(lines: Lines) -> None:
    engine = create_engine("sqlite://", echo=True, hide_parameters=True)
    with engine.connect() as connection:
        connection.execute(text("SELECT :value"), {"value": "hidden"})
    engine.dispose()
    logged = lines.read()
    assert [line["message"] for line in logged if "SELECT" in line["message"]] == ["SELECT ?"]
    assert "hidden'" not in lines.text


def test_levels(configure: Callable[[], Lines], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "LOG_LEVEL", "ERROR")
    lines = configure()
    logger.warning("no")
    logging.getLogger("httpx").warning("no")
    logger.error("yes")
    monkeypatch.setattr(settings, "DEBUG", True)
    configure()
    logger.debug("yes, too")
    assert [line["message"] for line in lines.read()] == ["yes", "yes, too"]


def test_warnings(lines: Lines) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("careful", RuntimeWarning, stacklevel=1)
    (line,) = lines.read("py.warnings")
    assert "RuntimeWarning: careful" in line["message"]


UNCAUGHT = """
import asyncio, threading
from bread_bot.utils.json_logger import configure_logging
configure_logging()

def fail():
    raise ValueError("in a thread")

async def main():
    asyncio.create_task(asyncio.sleep(0)).add_done_callback(lambda _: 1 / 0)
    await asyncio.sleep(0.01)

thread = threading.Thread(target=fail, name="worker")
thread.start()
thread.join()
asyncio.run(main())
raise RuntimeError("at the end")
"""


def test_uncaught_exceptions() -> None:
    done = subprocess.run([sys.executable, "-c", UNCAUGHT], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, "")
    thread, loop, program = [orjson.loads(line) for line in done.stdout.splitlines()]
    assert "worker" in thread["message"] and "ValueError: in a thread" in thread["exc_info"]
    assert loop["logger"] == "asyncio" and "ZeroDivisionError" in loop["exc_info"]
    assert program["level"] == "CRITICAL" and "RuntimeError: at the end" in program["exc_info"]


def test_what_is_not_written_costs_nothing(lines: Lines) -> None:
    class Costly:
        def __str__(self) -> str:
            raise AssertionError

    logger.debug("%s", Costly())
    assert lines.read() == []
