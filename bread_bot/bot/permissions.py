"""Who may teach, delete and switch in a chat."""

from bread_bot.bot.context import Context
from bread_bot.bot.errors import CommandError
from bread_bot.bot.switches import Switch

EVERYBODY, ADMINISTRATORS = "все", "админы"
TEACHERS: Switch[str] = Switch("teachers", EVERYBODY)


async def must_teach(context: Context) -> None:
    """Make sure that the author may teach, delete and switch in this chat.

    :raises CommandError: only administrators may
    """
    if context.get(TEACHERS) == ADMINISTRATORS and not await context.is_administrator():
        raise CommandError("В этой группе меня учат только администраторы.")
