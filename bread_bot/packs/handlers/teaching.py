"""Commands that change the pack."""

from collections.abc import Sequence

from bread_bot.bot.answers import KIND_TITLES, Answer, Reply, received
from bread_bot.bot.command import command
from bread_bot.bot.context import Context
from bread_bot.bot.errors import CommandError, UsageError
from bread_bot.bot.permissions import ADMINISTRATORS, EVERYBODY, TEACHERS, must_teach
from bread_bot.bot.remember import count_taught
from bread_bot.main.settings import settings
from bread_bot.packs import pack
from bread_bot.packs.models import Taught
from bread_bot.packs.reactions import Deletion, Lesson, Reaction
from bread_bot.utils.text import cut, normalize, one_line, plural

KNOWN_ALREADY = "Это я уже знаю."
_SHOWN = 60


@command(
    "добавь",
    slash="add",
    examples=[
        "Хлеб добавь триггер Привет=Медвед",
        "Хлеб добавь подстроку хлеб=Кто звал хлеб?",
        "Хлеб добавь ответ Сам такой",
        "Хлеб добавь оскорбление Сухарь ты, братец",
    ],
)
async def answer_add(context: Context, lesson: Lesson) -> Reply:
    """Научить бота: триггер отвечает на всё сообщение целиком, подстрока на слова внутри него."""
    await must_teach(context)
    if not await _teach(context, lesson.reaction, [lesson.key], Answer(lesson.value)):
        return KNOWN_ALREADY
    if lesson.reaction.has_key:
        return f"Запомнил: «{shown(lesson.key)}» — «{shown(lesson.value)}»."
    return "Запомнил, при случае скажу."


@command(
    "запомни",
    "запомни значение",
    "запомни как значение",
    "запомни подстроку",
    "подстрока",
    slash="remember",
    examples=["Хлеб запомни булка, багет или батон", "Хлеб запомни подстроку хлеб"],
)
async def answer_remember(context: Context, keys: list[str]) -> Reply:
    """Сделать сообщение, на которое отвечаешь, значением подстрок."""
    return await _remember(context, Reaction.SUBSTRING, keys)


@command(
    "запомни триггер",
    "триггер",
    slash="remember_trigger",
    examples=["Хлеб запомни триггер доброе утро", "Хлеб триггер спокойной ночи"],
)
async def answer_remember_trigger(context: Context, keys: list[str]) -> Reply:
    """Сделать сообщение, на которое отвечаешь, значением триггеров."""
    return await _remember(context, Reaction.TRIGGER, keys)


@command("запомни как ключ", "запомни ключ", slash="remember_key", examples=["Хлеб запомни как ключ И тебе привет"])
async def answer_remember_key(context: Context, value: str) -> Reply:
    """Сделать текст, на который отвечаешь, ключом подстроки, а сказанное — её значением."""
    await must_teach(context)
    key = context.replied.said.strip() if context.replied is not None else ""
    if not key:
        raise UsageError("Ответь этой командой на сообщение с текстом: он станет ключом.")
    if not await _teach(context, Reaction.SUBSTRING, [key], Answer(value)):
        return KNOWN_ALREADY
    return f"Запомнил: «{shown(key)}» — «{shown(value)}»."


@command(
    "удали",
    slash="delete",
    examples=[
        "Хлеб удали триггер Привет",
        "Хлеб удали подстроку хлеб=Кто звал хлеб?",
        "Хлеб удали ответ Сам такой",
        "Хлеб удали",
    ],
)
async def answer_delete(context: Context, deletion: Deletion | None = None) -> Reply:
    """Забыть ключ, одно его значение, или — в ответ на сообщение — всё, что к нему ведёт."""
    await must_teach(context)
    if deletion is None or not deletion.what:
        return await _delete_replied(context, deletion.reaction if deletion is not None else None)
    if not deletion.reaction.has_key:
        gone = await _forget_text(context, deletion.reaction, "", deletion.what)
    else:
        digest = pack.key_digest(deletion.reaction, deletion.what)
        gone = await pack.forget(context.session, context.chat.id, "удали", Taught.key_digest == digest)
        key, sign, value = deletion.what.partition("=")
        if not gone and sign:
            gone = await _forget_text(context, deletion.reaction, key.strip(), value.strip())
    return _tell_deleted(gone)


@command("отмени", "верни", slash="undo", examples=["Хлеб отмени"])
async def answer_undo(context: Context) -> Reply:
    """Вернуть всё, как было до последнего изменения; шаг за шагом, до двадцати назад."""
    await must_teach(context)
    undone = await pack.undo(context.session, context.chat.id)
    if undone is None:
        return "Отменять нечего."
    lines = [f"Отменил «{undone.command}»."]
    if undone.back:
        lines.append("Вернулось: " + _listed([(row["key"], row["kind"], row["value"]) for row in undone.back]))
    if undone.gone:
        lines.append("Ушло: " + _listed([(row.key, row.kind, row.value) for row in undone.gone]))
    return "\n".join(lines)


@command("учат", slash="teachers", examples=["Хлеб учат админы", "Хлеб учат все"])
async def answer_teachers(context: Context, who: str | None = None) -> Reply:
    """Показать или решить, кто в группе учит бота и переключает его: все или админы. Решают админы."""
    if who is None:
        return f"Меня учат {context.get(TEACHERS)}."
    chosen = normalize(who)
    if chosen not in (EVERYBODY, ADMINISTRATORS):
        raise UsageError("Учить могут «все» или «админы».")
    if not await context.is_administrator():
        raise CommandError("Это решают только администраторы группы.")
    await context.set(TEACHERS, chosen)
    return f"Теперь меня учат {chosen}."


async def _remember(context: Context, reaction: Reaction, keys: list[str]) -> Reply:
    await must_teach(context)
    if context.replied is None:
        raise UsageError("Ответь этой командой на сообщение, которое надо запомнить.")
    said = received(context.replied)
    if said is None:
        raise CommandError("Такое сообщение мне не запомнить: только текст, голос, картинку, видео, стикер или файл.")
    if len(keys) > settings.MAX_LIST:
        raise CommandError(f"Слишком много ключей за раз, давай не больше {settings.MAX_LIST}.")
    if not keys:
        raise UsageError("Нужен хотя бы один ключ.")
    added = await _teach(context, reaction, keys, said)
    if not added:
        return KNOWN_ALREADY
    return "Запомнил: " + ", ".join(f"«{shown(key)}»" for key in keys) + "."


async def _teach(context: Context, reaction: Reaction, keys: Sequence[str], said: Answer) -> int:
    author_id = context.author.id if context.author is not None else None
    rows = [pack.taught_values(context.chat.id, reaction, key, said, author_id) for key in keys]
    assert context.command is not None
    added = await pack.teach(context.session, context.chat.id, context.command.name, rows)
    if added and author_id is not None:
        await count_taught(context.session, context.chat.id, author_id, added)
    return added


async def _forget_text(context: Context, reaction: Reaction, key: str, value: str) -> list[Taught]:
    digest = pack.key_digest(reaction, key)
    conditions = (Taught.key_digest == digest, Taught.kind == "text", Taught.value == value)
    return await pack.forget(context.session, context.chat.id, "удали", *conditions)


async def _delete_replied(context: Context, reaction: Reaction | None) -> Reply:
    said = received(context.replied) if context.replied is not None else None
    if said is None:
        raise UsageError("Скажи, что удалить, или ответь на сообщение, которое надо забыть.")
    conditions = [replied_condition(said)]
    if reaction is not None:
        conditions.append(Taught.reaction == reaction)
    return _tell_deleted(await pack.forget(context.session, context.chat.id, "удали", *conditions))


def replied_condition(said: Answer) -> object:
    """What finds the values that say the same as a message."""
    if said.kind == "text":
        return (Taught.kind == "text") & (Taught.value == said.value)
    return (Taught.kind == said.kind) & (Taught.file_unique_id == said.file_unique_id)


def _tell_deleted(gone: Sequence[Taught]) -> str:
    if not gone:
        return "Такого я и не знал, удалять нечего."
    told = _listed([(row.key, row.kind, row.value) for row in gone])
    return f"Забыл: {told} Передумаешь — скажи «{settings.BOT_NAME} отмени»."


def _listed(values: Sequence[tuple[str, str, str]], most: int = 5) -> str:
    shown_ones = [
        f"«{shown(key)}» — {shown_value(kind, value)}" if key else shown_value(kind, value)
        for key, kind, value in values[:most]
    ]
    rest = len(values) - most
    more = [f"и ещё {rest} {plural(rest, 'значение', 'значения', 'значений')}"] if rest > 0 else []
    return "; ".join(shown_ones + more) + "."


def shown(text: str) -> str:
    """A key or a value within a sentence."""
    return cut(one_line(text), _SHOWN)


def shown_value(kind: str, value: str, limit: int | None = None) -> str:
    """A value within a list: texts are cut, media are named."""
    return cut(one_line(value), limit or _SHOWN) if kind == "text" else f"[{KIND_TITLES.get(kind, kind)}]"
