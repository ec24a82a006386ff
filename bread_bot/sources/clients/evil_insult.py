"""English insults from evilinsult.com."""

from bread_bot.sources.clients.base import Finding, JSONClient, usable


class EvilInsult(JSONClient):
    """Finds English insults."""

    PATH = "/generate_insult.php"
    QUERY = {"lang": "en", "type": "json"}

    async def find(self) -> Finding:
        """An insult."""
        return Finding(await usable((await self.ask_fields()).get("insult")))
