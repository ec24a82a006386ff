"""Settings are typed, and checked once, at start."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bread_bot.main.settings import BASE_DIR
from bread_bot.main.settings.default import LOCAL_SECRET_KEY, Settings, load

TOKEN = "123456:ABC-def_1"


def _start(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """What a program that reads the settings says."""
    bare = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-c", "from bread_bot.main.settings import settings; print(settings.WORKERS_COUNT)"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=bare | {"PYTHONPATH": str(BASE_DIR)} | environment,
    )


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("WORKERS_COUNT", "abc", "whole number"),
        ("WORKERS_COUNT", "0", "1 or more"),
        ("DB_PORT", "70000", "65535"),
        ("PORT", "-1", "65535"),
        ("DEBUG", "perhaps", "true or false"),
        ("TRACE_SAMPLING_RATE", "2", "from 0 to 1"),
        ("WEBHOOK_URL", "bot.example.org", "https://"),
        ("CORS_ALLOW_ORIGINS", "example.org", "origins"),
        ("IGNORED_USERS", "some body", "usernames"),
        ("LOG_LEVEL", "LOUD", "WARNING"),
        ("APP_MODULES", "bread bot", "packages"),
        ("APP_MODULES", "bread_bot.sandbox", "no token"),
    ],
)
def test_a_wrong_value(tmp_path: Path, name: str, value: str, allowed: str) -> None:
    """One line names the variable, the value and what is allowed."""
    done = _start(tmp_path, **{name: value})
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert name in line and value in line and allowed in line


@pytest.mark.parametrize(
    ("name", "value"),
    [("WEBHOOK_SECRET", "no spaces, please"), ("TELEGRAM_BOT_TOKEN", "geheim"), ("SECRET_KEY", "a-short-secret")],
)
def test_a_wrong_secret_is_not_shown(tmp_path: Path, name: str, value: str) -> None:
    """The line names the variable, and never the secret."""
    done = _start(
        tmp_path, **{name: value, "ENV": "PRODUCTION"} | ({} if name == "SECRET_KEY" else {"SECRET_KEY": "x" * 40})
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert name in line and value not in done.stderr + done.stdout


def test_several_wrong_values(tmp_path: Path) -> None:
    """A line each."""
    done = _start(tmp_path, PORT="a", DB_PORT="b")
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize("key", [None, LOCAL_SECRET_KEY, "short"])
def test_outside_of_local_the_key_must_be_ones_own(tmp_path: Path, key: str | None) -> None:
    """The default SECRET_KEY is refused."""
    given = {"SECRET_KEY": key} if key is not None else {}
    done = _start(tmp_path, ENV="PRODUCTION", **given)
    assert done.returncode == 2 and "SECRET_KEY" in done.stderr
    assert _start(tmp_path, ENV="PRODUCTION", SECRET_KEY="k" * 32).returncode == 0


def test_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read from .env; the environment wins."""
    env_file = tmp_path / ".env"
    env_file.write_text("WORKERS_COUNT=3\nALTER_NAMES=батон, , багет\n", "utf-8")
    for name in Settings.model_fields:
        monkeypatch.delenv(name, raising=False)
    settings = load(env_file)
    assert (settings.WORKERS_COUNT, settings.ALTER_NAMES) == (3, ["батон", "багет"])
    monkeypatch.setenv("WORKERS_COUNT", "4")
    assert load(env_file).WORKERS_COUNT == 4


@pytest.mark.parametrize("content", [b"PORT=8080\nwhat is this\n", b"BOT_NAME=\xff\n", None])
def test_an_unreadable_env_file(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None) -> None:
    """One line names the file and what is wrong with it."""
    env_file = tmp_path / ".env"
    if content is None:
        env_file.mkdir()
    else:
        env_file.write_bytes(content)
    with pytest.raises(SystemExit) as stop:
        load(env_file)
    (line,) = capsys.readouterr().err.splitlines()
    assert stop.value.code == 2 and str(env_file) in line


def test_the_example_shows_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """.env.example has every setting, and uncommented it changes nothing."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name, raising=False)
    lines = (BASE_DIR / ".env.example").read_text("utf-8").splitlines()
    settings = [line.removeprefix("#") for line in lines if "=" in line]
    assert [line.partition("=")[0] for line in settings] == list(Settings.model_fields)
    env_file = tmp_path / ".env"
    env_file.write_text("\n".join(settings), "utf-8")
    assert load(env_file) == Settings()


def test_every_setting_is_used() -> None:
    """A setting that nothing reads would promise what does not happen."""
    code = [*(BASE_DIR / "bread_bot").rglob("*.py"), BASE_DIR / "server.py"]
    read = "\n".join(path.read_text("utf-8") for path in code if "tests" not in path.parts)
    unused = [name for name in Settings.model_fields if not re.search(rf"\b(settings|self)\.{name}\b|\"{name}\"", read)]
    assert unused == []


def test_an_address_keeps_its_password(tmp_path: Path) -> None:
    """What stands before the @ of a wrong address is not shown."""
    done = _start(tmp_path, ZIPKIN_URL="ftp://baker:geheim@zipkin.example.org")
    assert done.returncode == 2 and "zipkin.example.org" in done.stderr and "geheim" not in done.stderr


@pytest.mark.parametrize(("most", "workers", "each"), [(20, 1, 20), (20, 3, 7), (1, 4, 1), (5, 5, 1)])
def test_workers_share_the_pool(monkeypatch: pytest.MonkeyPatch, most: int, workers: int, each: int) -> None:
    """DB_POOL_SIZE = max(ceil(DB_MAX_POOL / WORKERS_COUNT), 1)."""
    assert Settings(DB_MAX_POOL=most, WORKERS_COUNT=workers).pool_size == each


def test_which_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Embedded with none of DB_*, a server with any of them."""
    for name in ("DB_HOST", "DB_PORT", "DB_NAME", "DB_USER", "DB_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    assert Settings().is_database_embedded
    for name, value in {"DB_HOST": "db", "DB_PORT": "5433", "DB_NAME": "x", "DB_USER": "y", "DB_PASSWORD": "z"}.items():
        monkeypatch.setenv(name, value)
        settings = Settings()
        assert not settings.is_database_embedded
        assert "z" not in repr(settings).split("DB_PASSWORD=")[1].split(",")[0].strip("')")
        monkeypatch.delenv(name)


def test_secrets_are_not_in_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever prints the settings tells no secret."""
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", TOKEN)
    assert TOKEN not in repr(Settings())
