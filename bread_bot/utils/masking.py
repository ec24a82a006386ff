"""What must not be read in logs and traces: secrets anywhere, and the values of sensitive keys."""

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

from pydantic import BaseModel

MASK = "***"

# Keys are sensitive if one of these is in them, whatever separates their words ...
_PARTS = (
    "password", "passwd", "passphrase", "secret", "authorization", "cookie", "email", "phone", "credential", "vcard",
    "firstname", "lastname", "apikey", "accesskey", "privatekey", "instrumentationkey", "connectionstring",
)
# ... or if one of their words is one of these: a list of `tokens`, or their number, is not.
_WORDS = frozenset(("token", "pwd", "jwt", "auth", "bearer"))
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_LONGEST_CACHED = 64
_DEEPEST = 32
# Shorter ones can't be told from ordinary words and numbers.
_SHORTEST = 4

_hidden: tuple[str, ...] = ()


def hide(secret: str | None) -> None:
    """Never show a value from now on, in any text that passes `without_secrets`."""
    global _hidden
    if secret is not None and len(secret) >= _SHORTEST:
        _hidden = tuple(sorted({*_hidden, *_spellings(secret)}, key=len, reverse=True))


def without_secrets(text: str) -> str:
    """A text with every hidden value masked, also where it is URL-encoded, quoted or written as JSON."""
    for secret in _hidden:
        if secret in text:
            text = text.replace(secret, MASK)
    return text


def bare_address(address: str) -> str:
    """An address that may be shown: without user, query and fragment, and with every hidden value masked."""
    parts = urlsplit(address)
    return without_secrets(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")


def masked(value: Any, depth: int = 0) -> Any:
    """A copy of mappings, sequences, dataclasses and models in which the values of sensitive keys are masked."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, BaseModel):
        value = dict(value)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping | list | tuple | set | frozenset) and depth > _DEEPEST:
        return MASK
    if isinstance(value, Mapping):
        return {
            key: MASK if item is not None and is_sensitive(str(key)) else masked(item, depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [masked(item, depth + 1) for item in value]
    return value


def is_sensitive(key: str) -> bool:
    """Whether a key's value is nobody's business; case, dashes and underscores don't matter."""
    return _is_sensitive(key) if len(key) <= _LONGEST_CACHED else _is_sensitive.__wrapped__(key)


@lru_cache(maxsize=2048)
def _is_sensitive(key: str) -> bool:
    letters = "".join(filter(str.isalnum, key.lower()))
    return any(part in letters for part in _PARTS) or any(word.lower() in _WORDS for word in _WORD.findall(key))


def _spellings(secret: str) -> Iterator[str]:
    quoted = quote(secret, safe="")
    lowered = re.sub("%..", lambda code: code[0].lower(), quoted)
    for text in (secret, quoted, lowered, quote(secret), quote_plus(secret)):
        for written in (text, repr(text)[1:-1]):
            yield written
            yield json.dumps(written)[1:-1]
            yield json.dumps(written, ensure_ascii=False)[1:-1]
