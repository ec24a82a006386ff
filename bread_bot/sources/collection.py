"""Our own quotes, jokes, advice and insults: text files in `collections`, written for this bot."""

from functools import cached_property
from importlib.resources import files
from random import Random

from bread_bot.sources.clients.base import Finding


class Collection:
    """A file of findings, read once: blocks parted by a line `%`, whose last line may be `© somebody`."""

    def __init__(self, file_name: str, credit: str = "") -> None:
        self.file_name = file_name
        self.credit = credit

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """All that it holds; what has no `©` of its own is due to the collection's `credit`."""
        file = files("bread_bot.sources") / "collections" / self.file_name
        return tuple(self._finding(block.strip()) for block in file.read_text("utf-8").split("\n%\n"))

    def draw(self, random: Random) -> Finding:
        """Draw one, all equally likely."""
        return random.choice(self.findings)

    def _finding(self, block: str) -> Finding:
        text, _, credit = block.partition("\n© ")
        return Finding(text, credit or self.credit)
