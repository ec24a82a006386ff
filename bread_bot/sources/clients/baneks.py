"""Jokes from baneks.ru."""

import re

from bread_bot.sources.clients.base import Finding, SourceClient, Unusable, checked, read_html, text_of

_JOKE = (".anek-view article", "article", ".anek-view", "main")
_AROUND = "h1, h2, h3, header, footer, nav, aside, form, button"
_NUMBER = re.compile(r"\A\s*Анек(?:дот)?\s*[#№]\s*\d+\s*", re.IGNORECASE)


class Baneks(SourceClient):
    """Finds jokes on the page that shows a random one."""

    PATH = "/random"
    CONTENT_TYPES = ("html",)

    async def find(self) -> Finding:
        """A joke."""
        page = await read_html(" ".join((await self.ask()).split()))
        joke = next((found for place in _JOKE if (found := page.css_first(place)) is not None), None)
        if joke is None:
            raise Unusable("there is no joke on the page")
        for part in joke.css(_AROUND):
            part.decompose()
        return Finding(checked(_NUMBER.sub("", text_of(joke))), "baneks.ru")
