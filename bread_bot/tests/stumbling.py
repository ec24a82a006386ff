"""A listener with a bug, which tests can switch off."""

from collections.abc import Iterator
from contextlib import contextmanager

from bread_bot.bot.answers import Reply
from bread_bot.bot.command import CommandTable, listener
from bread_bot.bot.context import Context


class Stumbling:
    """Whether it stumbles over «споткнись», or keeps its feet."""

    is_on = True

    async def fall(self, context: Context) -> None:
        """What the bug does."""
        raise RuntimeError("this is the bug")

    @contextmanager
    def declared(self, table: CommandTable) -> Iterator[None]:
        """Declare it, as every app declares its own."""

        @listener(order=0)
        async def stumble(context: Context) -> Reply:
            if "споткнись" not in context.text:
                return None
            if self.is_on:
                await self.fall(context)
            return "устоял"

        table.listeners.insert(0, getattr(stumble, "__bread_bot__"))
        yield
        table.listeners.pop(0)
