"""Nonsense out of the chat's dictionary."""

from asyncio import to_thread

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from bread_bot.bot.answers import Answer, Button, Edit, Reply
from bread_bot.bot.arguments import Percent
from bread_bot.bot.command import button, command, listener
from bread_bot.bot.context import Context
from bread_bot.bot.errors import CommandError, UsageError
from bread_bot.bot.permissions import must_teach
from bread_bot.bot.remember import count_taught
from bread_bot.bot.switches import Switch
from bread_bot.main.settings import settings
from bread_bot.nonsense.handlers.learning import make_up_sentence
from bread_bot.nonsense.models import DictionaryEntry
from bread_bot.nonsense.replacement import replace_words
from bread_bot.utils.text import normalize, plural, split_text

CHANCE: Switch[int] = Switch("nonsense_chance", 0)
LONGEST_ENTRY = 100
MOST_ENTRIES = 2000
STRONGEST = 100
_USUAL_STRENGTH = 1
_AUTOMATIC_STRENGTHS = (1, 3)


@command("бред", "давай", slash="nonsense", examples=["Хлеб бред", "Хлеб бред 5", "Хлеб давай"])
async def answer_nonsense(context: Context, strength: int | None = None) -> Reply:
    """Переврать сообщение, на которое отвечаешь, словами из словаря чата; без ответа — сочинить из услышанного."""
    if context.replied is None:
        return await make_up_sentence(context)
    if strength is not None and not 1 <= strength <= STRONGEST:
        raise UsageError(f"Силу бреда меряю от 1 до {STRONGEST}.")
    said = context.replied.said
    if not said.strip():
        raise CommandError("Тут нет ни слова, нечего и переврать.")
    entries = await _entries(context)
    if not entries:
        raise CommandError(f"Словарь бреда пуст. Пополни: «{settings.BOT_NAME} добавь бред булка, печь, румяный».")
    told = await to_thread(replace_words, said, entries, strength or _USUAL_STRENGTH, context.random)
    if told == said:
        raise CommandError("Тут и переврать-то нечего: ни одного подходящего слова.")
    return Answer(told, reply_to=context.replied.message_id)


@command("добавь бред", slash="nonsense_add", examples=["Хлеб добавь бред булка, печь, румяный"])
async def answer_add(context: Context, entries: list[str]) -> Reply:
    """Добавить слова в словарь бреда."""
    await must_teach(context)
    if len(entries) > settings.MAX_LIST:
        raise CommandError(f"Давай не больше {settings.MAX_LIST} слов за раз.")
    if long := next((entry for entry in entries if len(entry) > LONGEST_ENTRY), None):
        raise CommandError(f"«{long[:20]}…» — это уже не слово, а роман.")
    known = await DictionaryEntry.async_count(context.session, DictionaryEntry.chat_id == context.chat.id)
    if known + len(entries) > MOST_ENTRIES:
        raise CommandError(f"В словаре уже {known} слов, больше {MOST_ENTRIES} мне не выучить.")
    rows = [{"chat_id": context.chat.id, "entry": entry, "normal": normalize(entry)} for entry in entries]
    statement = insert(DictionaryEntry).values(rows).on_conflict_do_nothing().returning(DictionaryEntry.id)
    added = len((await context.session.scalars(statement)).all())
    if not added:
        return "Всё это в словаре уже есть."
    if context.author is not None:
        await count_taught(context.session, context.chat.id, context.author.id, added)
    return f"В словаре на {added} {plural(added, 'слово', 'слова', 'слов')} больше."


@command("удали бред", slash="nonsense_delete", examples=["Хлеб удали бред булка"])
async def answer_delete(context: Context, entries: list[str]) -> Reply:
    """Убрать слова из словаря бреда."""
    await must_teach(context)
    wanted = [normalize(entry) for entry in entries[: settings.MAX_LIST]]
    rows = await DictionaryEntry.async_filter(
        context.session, DictionaryEntry.chat_id == context.chat.id, DictionaryEntry.normal.in_(wanted)
    )
    for row in rows:
        await row.async_delete(context.session)
    return "Убрал: " + ", ".join(row.entry for row in rows) + "." if rows else "Такого в словаре и не было."


@command("покажи бред", slash="nonsense_show", examples=["Хлеб покажи бред"])
async def answer_show(context: Context) -> Reply:
    """Показать словарь бреда."""
    text, buttons = await _page(context, 0)
    return Answer(text, buttons=buttons)


@button("nonsense")
async def turn_page(context: Context, number: str) -> Reply:
    """Turn the page of the dictionary; anybody in the chat may, since anybody may ask for it."""
    return Edit(*await _page(context, int(number[:9]))) if number.isdecimal() else None


@command("процент бреда", slash="nonsense_chance", examples=["Хлеб процент бреда 5", "Хлеб процент бреда"])
async def answer_chance(context: Context, chance: Percent | None = None) -> Reply:
    """Показать или задать, как часто бот сам перевирает сообщения."""
    if chance is None:
        return f"Сам несу бред в {context.get(CHANCE)}% случаев."
    await must_teach(context)
    await context.set(CHANCE, int(chance))
    return f"Хорошо, теперь несу бред в {chance}% случаев."


@listener(order=110)
async def talk_nonsense(context: Context) -> Reply:
    """Now and then, replace words of a message without being asked."""
    if not context.text or context.random.random() * 100 >= context.get(CHANCE):
        return None
    entries = await _entries(context)
    if not entries:
        return None
    strength = context.random.randint(*_AUTOMATIC_STRENGTHS)
    told = await to_thread(replace_words, context.text, entries, strength, context.random)
    return told if told != context.text else None


async def _page(context: Context, number: int) -> tuple[str, tuple[tuple[Button, ...], ...]]:
    """As many entries as a message holds, and the buttons to the others."""
    pages = split_text(", ".join(sorted(await _entries(context), key=normalize))) or ["Словарь бреда пока пуст."]
    number = min(number, len(pages) - 1)
    turns = (("‹ Назад", number - 1), ("Дальше ›", number + 1))
    row = tuple(Button(text, f"nonsense {page}") for text, page in turns if 0 <= page < len(pages))
    return pages[number], (row,) if row else ()


async def _entries(context: Context) -> list[str]:
    statement = select(DictionaryEntry.entry).where(DictionaryEntry.chat_id == context.chat.id)
    return list(await context.session.scalars(statement.order_by(DictionaryEntry.id)))
