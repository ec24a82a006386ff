"""Commands about the forms of words."""

from bread_bot.bot.answers import Reply
from bread_bot.bot.arguments import Question
from bread_bot.bot.command import command
from bread_bot.bot.context import Context
from bread_bot.bot.errors import UsageError
from bread_bot.nonsense.replacement import forms, tagged_forms
from bread_bot.utils.morphology import is_russian


@command("морф", slash="forms", examples=["Хлеб морф хлеб"])
async def answer_forms(context: Context, word: Question) -> Reply:
    """Перечислить формы слова."""
    return ", ".join(forms(_russian(word)))


@command("морф дебаг", slash="forms_debug", examples=["Хлеб морф дебаг хлеб"])
async def answer_tagged_forms(context: Context, word: Question) -> Reply:
    """Перечислить формы слова с их разбором."""
    return "\n".join(f"{form}: {tags}" for form, tags in tagged_forms(_russian(word)))


def _russian(word: str) -> str:
    if not is_russian(word):
        raise UsageError("Нужно одно русское слово.")
    return word
