"""A listener with a bug, which tests can switch off."""

from collections.abc import Iterator
from contextlib import contextmanager

from bread_bot.bot.answers import Reply
from bread_bot.bot.command import CommandTable, listener
from bread_bot.bot.context import Context


class Stumbling:
    """Whether it stumbles over «споткнись»."""

    is_on = True

    @contextmanager
    def declared(self, table: CommandTable) -> Iterator[None]:
        """Declare it, as every app declares its own."""

        @listener(order=0)
        async def stumble(context: Context) -> Reply:
            if self.is_on and "споткнись" in context.text:
                raise RuntimeError("this is the bug")
            return None

        table.listeners.insert(0, getattr(stumble, "__bread_bot__"))
        yield
        table.listeners.pop(0)
