"""Quotes from forismatic.com."""

from bread_bot.sources.clients.base import LONGEST_CREDIT, Finding, JSONClient, Unusable, usable

UNKNOWN = "автор неизвестен"


class Forismatic(JSONClient):
    """Finds Russian quotes."""

    PATH = "/api/1.0/"
    QUERY = {"method": "getQuote", "format": "json", "lang": "ru"}

    async def find(self) -> Finding:
        """A quote and its author."""
        fields = await self.ask_fields()
        return Finding(await usable(fields.get("quoteText")), await _author(fields.get("quoteAuthor")))


async def _author(value: object) -> str:
    try:
        author = " ".join((await usable(value)).split())
    except Unusable:
        return UNKNOWN
    return author if len(author) <= LONGEST_CREDIT else UNKNOWN
