"""Advice from fucking-great-advice.ru."""

from bread_bot.sources.clients.base import Finding, JSONClient, usable


class GreatAdvice(JSONClient):
    """Finds advice, outspoken as that site is."""

    PATH = "/api/random"

    async def find(self) -> Finding:
        """A piece of advice."""
        return Finding(await usable((await self.ask_fields()).get("text")))
