"""Commands for people who do not want to be counted."""

from bread_bot.bot.answers import Answer, Button, Edit, Reply, Toast
from bread_bot.bot.command import button, command
from bread_bot.bot.context import Context
from bread_bot.bot.errors import CommandError
from bread_bot.bot.forgetting import forget_everybody, forget_member


@command("забудь меня", slash="forget_me", examples=["Хлеб забудь меня"])
async def answer_forget_me(context: Context) -> Reply:
    """Стереть всё, что бот о тебе посчитал и чему от тебя научился в этом чате, и больше не запоминать."""
    if context.author is None:
        raise CommandError("Я и так не знаю, кто ты.")
    await forget_member(context.session, context.chat.id, context.author.id)
    return "Забыл и больше не считаю. А вы, собственно, кто?"


@command("забудь всё", slash="forget_all", examples=["Хлеб забудь всё"])
async def answer_forget_all(context: Context) -> Reply:
    """Стереть всю статистику чата и всё, чему бот научился из разговоров; могут только админы."""
    await _must_manage(context)
    question = "Стереть всю статистику и всё, чего я тут наслушался? Вернуть не получится."
    return Answer(question, buttons=((Button("Да, забудь", "forget all"),),))


@button("forget")
async def confirm(context: Context, rest: str) -> Reply:
    """Forget everything: only for administrators."""
    try:
        await _must_manage(context)
    except CommandError as error:
        return Toast(str(error))
    await forget_everybody(context.session, context.chat.id)
    return Edit("Всё забыл. Начинаем с чистой корочки.")


async def _must_manage(context: Context) -> None:
    if not await context.is_administrator():
        raise CommandError("Это могут только администраторы группы.")
