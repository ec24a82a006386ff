"""Commands that choose among the members."""

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on

from bread_bot.bot.answers import Answer, Mention, Reply
from bread_bot.bot.arguments import Percent, Question
from bread_bot.bot.command import command, listener
from bread_bot.bot.context import Context
from bread_bot.bot.errors import CommandError
from bread_bot.bot.models import Member
from bread_bot.bot.names import called
from bread_bot.bot.permissions import must_teach
from bread_bot.bot.switches import Switch
from bread_bot.people.members import known_members, members
from bread_bot.utils.text import utf16_length

PICTURES: Switch[int] = Switch("pictures", 0)
TOP = 20
_MENTIONS_A_MESSAGE = 50  # Telegram notifies no more people by one message
_MESSAGE_UNITS = 4000

# The question word as the sentence takes it up again. A name stays as it is, so it stands behind a colon wherever a
# sentence without one would not need it in another case.
_SENTENCES = {
    "кто": ("{name} {rest}", "Это {name}"),
    "у кого": ("{rest} у {name}", "У {name}"),
    "кем": ("{rest}: {name}", "Вот кем: {name}"),
    "с кем": ("{rest} с {name}", "С {name}"),
    "кого": ("{rest}: {name}", "Вот кого: {name}"),
    "кому": ("{rest}: {name}", "Вот кому: {name}"),
    "о ком": ("{rest} о {name}", "О {name}"),
    "чья": ("{rest}: хозяин тут {name}", "Хозяин тут {name}"),
    "чье": ("{rest}: хозяин тут {name}", "Хозяин тут {name}"),
    "чей": ("{rest}: хозяин тут {name}", "Хозяин тут {name}"),
}


@command(
    "кто",
    "у кого",
    "кем",
    "с кем",
    "кого",
    "кому",
    "о ком",
    "чья",
    "чьё",
    "чей",
    slash="who",
    examples=["Хлеб кто самый умный?", "Хлеб у кого есть хлеб?", "Хлеб чей это бутерброд?"],
)
async def answer_who(context: Context, question: Question | None = None) -> Reply:
    """Назвать кого-то из чата: кто, у кого, с кем, кому, чей…"""
    name = called(context.random.choice(await _found(context)))
    full, short = _SENTENCES.get(context.alias, _SENTENCES["кто"])
    return full.format(name=name, rest=question) if question else short.format(name=name)


@command("топ", "top", slash="top", examples=["Хлеб топ любителей хлеба"])
async def answer_top(context: Context, of_what: Question | None = None) -> Reply:
    """Расставить всех по местам."""
    found = await _found(context)
    context.random.shuffle(found)
    lines = [f"{place}) {called(one)}" for place, one in enumerate(found[:TOP], 1)]
    return "\n".join([f"Топ {of_what or ''}".rstrip(), *lines])


@command("парочка", "пара", slash="couple", examples=["Хлеб парочка дня"])
async def answer_couple(context: Context, what: Question | None = None) -> Reply:
    """Найти в чате парочку."""
    found = await members(context)
    if len(found) < 2:
        raise CommandError("Для парочки нужны хотя бы двое, а я тут вижу только одного.")
    one, other = context.random.sample(found, 2)
    return f"Парочка {what or ''}".rstrip() + f": {called(one)} и {called(other)}"


@command("канал", "channel", "all", slash="all", examples=["Хлеб канал", "Хлеб канал все за стол!"])
async def answer_all(context: Context, call: str | None = None) -> Reply:
    """Позвать всех участников."""
    answers: list[Answer] = []
    text, number = call or "", 0
    mentions: list[Mention] = []
    found = await _found(context)
    handles = await _handles(context, found)
    for one in found:
        handle = handles.get(one.id)
        name = handle or called(one)
        if number == _MENTIONS_A_MESSAGE or utf16_length(text) + utf16_length(name) >= _MESSAGE_UNITS:
            answers.append(Answer(text, mentions=tuple(mentions)))
            text, mentions, number = "", [], 0
        text += " " if text else ""
        if handle is None:
            mentions.append(Mention(utf16_length(text), utf16_length(name), one.id))
        text += name
        number += 1
    return [*answers, Answer(text, mentions=tuple(mentions))]


@command("картинки", slash="pictures", examples=["Хлеб картинки 30", "Хлеб картинки"])
async def answer_pictures(context: Context, chance: Percent | None = None) -> Reply:
    """Показать или задать, как часто бот узнаёт кого-нибудь на картинках."""
    if chance is None:
        return f"Узнаю кого-нибудь на {context.get(PICTURES)}% картинок."
    await must_teach(context)
    await context.set(PICTURES, int(chance))
    return f"Хорошо, теперь узнаю кого-нибудь на {chance}% картинок."


@listener()
async def recognize(context: Context) -> Reply:
    """Say whom a photo looks like."""
    chance = context.get(PICTURES)
    if not context.message.photo or context.random.random() * 100 >= chance:
        return None
    found = await known_members(context)
    return f"Похоже на {called(context.random.choice(found))}" if found else None


async def _found(context: Context) -> list[Member]:
    found = await members(context)
    if not found:
        raise CommandError("Я тут пока никого не знаю. Напишите что-нибудь!")
    return found


async def _handles(context: Context, found: list[Member]) -> dict[int, str]:
    """The @username of whoever has one, by id; a username that has changed hands is its latest owner's."""
    name = func.lower(Member.username)
    wanted = [one.username.lower() for one in found if one.username]
    owners = (
        select(Member.id, Member.username)
        .where(name.in_(wanted))
        .ext(distinct_on(name))
        .order_by(name, Member.updated_at.desc(), Member.id)
    )
    return {owner: f"@{username}" for owner, username in await context.session.execute(owners)}
