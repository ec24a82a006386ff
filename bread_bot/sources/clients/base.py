"""What all sources have in common: what they find, how they are asked, and what of their answers is refused."""

import asyncio
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import httpx
import orjson
from selectolax.lexbor import LexborHTMLParser, LexborNode

from bread_bot.utils.base_client import BaseHTTPClient, ClientError
from bread_bot.utils.text import clean

LONGEST_TEXT = 3000
LONGEST_CREDIT = 100
LONGEST_ANSWER = 100_000

_ESCAPE = re.compile(r'\\(["\\/bfnrt]|u[0-9a-fA-F]{4})|\\')
_CONTROL = re.compile(r"[\x00-\x1f]")
_BLANK_LINES = re.compile(r"\n{3,}")
_INVISIBLE = re.compile("[\u00ad\u200b\ufeff]")
_BLOCKS = "p, div, li, tr, blockquote, h1, h2, h3, h4, h5, h6"
_NOT_TEXT = ["script", "style", "template", "noscript"]


class Unusable(ClientError):
    """A source answers something that nobody should be told."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something worth telling, and to whom it is due; as a string, it is the whole answer."""

    text: str
    credit: str = ""

    def __str__(self) -> str:
        return f"{self.text}\n\n© {self.credit}" if self.credit else self.text


class SourceClient(BaseHTTPClient, ABC):
    """The base of a source's client: `find` asks once.

    An address without a path gets the service's own `PATH`; `QUERY` is added to the address's own query.
    """

    PATH: ClassVar[str]
    QUERY: ClassVar[dict[str, str]] = {}
    CONTENT_TYPES: ClassVar[tuple[str, ...]]

    def __init__(self, address: str, *, timeout: float) -> None:
        url = httpx.URL(address)
        if url.path == "/":
            url = url.copy_with(path=self.PATH)
        url = url.copy_merge_params({**self.QUERY, **url.params}) if self.QUERY else url
        super().__init__(str(url), timeout=timeout, max_bytes=LONGEST_ANSWER)

    @abstractmethod
    async def find(self) -> Finding:
        """Ask the service for something at random.

        :raises ClientError: it can't be reached, is slow, or answers what can't be used
        """

    async def ask(self) -> str:
        """The body of the service's answer.

        :raises Unusable: it is no text, or no text of the right type
        """
        response = await self.request("GET")
        content_type = response.headers.get("content-type", self.CONTENT_TYPES[0]).lower()
        if not any(part in content_type for part in self.CONTENT_TYPES):
            raise Unusable(f"{self.public_url(response.url)} answers {content_type[:60]}")
        try:
            return response.content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise Unusable(f"{self.public_url(response.url)} answers no UTF-8") from None


class JSONClient(SourceClient):
    """A source that answers with a JSON object, mislabelled as it may be."""

    CONTENT_TYPES = ("json", "javascript", "text/")

    async def ask_fields(self) -> dict[str, Any]:
        """The fields of the answer, whose strings may hold escapes and signs that JSON forbids.

        :raises Unusable: it is no JSON object
        """
        body = await self.ask()
        mended = _ESCAPE.sub(lambda match: match[0] if match[1] else "", _CONTROL.sub(" ", body))
        try:
            fields = orjson.loads(mended)
        except ValueError:
            raise Unusable("the answer is no JSON") from None
        if not isinstance(fields, dict):
            raise Unusable("the answer is no JSON object")
        return fields


async def read_html(html: str) -> LexborNode:
    """Parse HTML; what looks like text alone comes back as the body of a page.

    It is done in a thread, without the interpreter's lock: a page that is deeply nested on purpose takes a while.
    """
    page = await asyncio.to_thread(LexborHTMLParser, html)
    if page.body is None:
        raise Unusable("the answer is empty")
    return page.body


def text_of(node: LexborNode) -> str:
    """The text of a part of a page as a reader sees it, paragraphs and breaks on lines of their own."""
    node.strip_tags(_NOT_TEXT)
    for line_break in node.css("br"):
        line_break.replace_with("\n")
    for block in node.css(_BLOCKS):
        block.insert_before("\n")
        block.insert_after("\n")
    return _tidied(node.text())


async def usable(value: object) -> str:
    """A text from a field of JSON that may hold HTML.

    :raises Unusable: it is no text, an empty or an enormous one
    """
    if not isinstance(value, str):
        raise Unusable("the answer holds no text")
    return checked(text_of(await read_html(value.replace("\n", "<br>"))))


def checked(text: str) -> str:
    """The text itself, if it may be told.

    :raises Unusable: it has no letter, or is over LONGEST_TEXT characters
    """
    if not any(map(str.isalpha, text)):
        raise Unusable("the answer holds no words")
    if len(text) > LONGEST_TEXT:
        raise Unusable("the answer is enormous")
    return text


def _tidied(text: str) -> str:
    lines = (" ".join(line.split()) for line in _INVISIBLE.sub("", clean(text)).split("\n"))
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip()
