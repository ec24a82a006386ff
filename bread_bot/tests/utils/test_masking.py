"""Secrets and sensitive values don't show."""

import json
import re
from dataclasses import dataclass
from urllib.parse import quote

import pytest
from pydantic import BaseModel

from bread_bot.utils.masking import MASK, hide, is_sensitive, masked, without_secrets


@pytest.mark.parametrize(
    "key",
    [
        "password", "PASSWORD", "new-password", "passwordHash", "token", "access_token", "accessToken", "X-Csrf-Token",
        "Authorization", "Proxy-Authorization", "Cookie", "set-cookie", "e-mail", "EMAIL", "first_name", "lastName",
        "First-Name", "phone", "phone_number", "api_key", "X-API-Key", "apikey", "secret", "client_secret",
        "X-Telegram-Bot-Api-Secret-Token", "TELEGRAM_BOT_TOKEN", "InstrumentationKey", "x" * 100 + "_password",
    ],
)
def test_sensitive(key: str) -> None:
    assert is_sensitive(key)


@pytest.mark.parametrize("key", ["", "text", "username", "prompt_tokens", "key", "author", "path", "chat_id", "42"])
def test_not_sensitive(key: str) -> None:
    assert not is_sensitive(key)


def test_masks_by_structure() -> None:
    class Form(BaseModel):
        username: str
        password: str

    @dataclass
    class Person:
        first_name: str
        age: int

    value = {
        "text": "password: 1",
        "users": [{"Email": "a@b.c", "id": 1}, Form(username="ann", password="abc"), (Person("Ann", 30),)],
        "token": {"deep": ["x"]},
        "phone": None,
    }
    assert masked(value) == {
        "text": "password: 1",
        "users": [{"Email": MASK, "id": 1}, {"username": "ann", "password": MASK}, [{"first_name": MASK, "age": 30}]],
        "token": MASK,
        "phone": None,
    }
    assert value["token"] == {"deep": ["x"]}


def test_masks_what_has_no_end() -> None:
    endless: dict[str, object] = {"token": "x"}
    endless["again"] = endless
    assert "'x'" not in repr(masked(endless))


@pytest.mark.parametrize(
    "secret", ["123456:AA-b_c", "p@ss/w0rd+ %", 'quo"te\\back', "пароль-из-букв", "line\nbreak", "it's"]
)
def test_hides_every_spelling(secret: str) -> None:
    hide(secret)
    quoted = quote(secret, safe="")
    lowered = re.sub("%..", lambda code: code[0].lower(), quoted)
    for text in (secret, quoted, lowered, quote(secret), repr(secret), json.dumps(secret),
                 json.dumps(secret, ensure_ascii=False), json.dumps(repr(secret))):
        shown = without_secrets(f"before {text} after")
        assert re.fullmatch(r"before [\"'\\]*\*\*\*[\"'\\]* after", shown)


def test_hides_the_longest_first() -> None:
    hide("abcd")
    hide("abcdef")
    assert without_secrets("abcdef abcde") == "*** ***e"


def test_too_short_to_be_hidden() -> None:
    for secret in (None, "", "abc"):
        hide(secret)
    assert without_secrets("abc") == "abc"
