"""Answers that nobody asked for: triggers, substrings, and what the bot says when it does not understand."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from bread_bot.bot.answers import Answer, Reply
from bread_bot.bot.arguments import Percent
from bread_bot.bot.command import command, listener, preparation
from bread_bot.bot.context import Context
from bread_bot.bot.permissions import must_teach
from bread_bot.bot.switches import Switch
from bread_bot.main.settings import settings
from bread_bot.packs import pack
from bread_bot.packs.reactions import Reaction
from bread_bot.utils.text import plural

CHANCE: Switch[int] = Switch("chance", 100)
PAUSE: Switch[int] = Switch("pause", 0)
LAST_ANSWER: Switch[float] = Switch("last_answer", 0.0)

LONGEST_PAUSE = 86_400

FALLBACKS = (
    "Слушаю. Если забыл, что я умею, скажи «{name} help».",
    "Это ты мне? А по-русски?",
    "Я хлеб простой, таких слов не знаю.",
    "Ничего не понял, но очень интересно.",
    "Сформулируй иначе, у меня мякиш вместо мозга.",
    "М-м? Я тут задумался о масле.",
    "Повтори помедленнее, я записываю.",
    "Звучит вкусно, но непонятно.",
)


@preparation
async def find_matches(session: AsyncSession, contexts: Sequence[Context]) -> None:
    """Look up the keys for all messages of a unit of work at once."""
    questions = []
    owners = []
    for context in contexts:
        for said in (context.rest, context.text):
            if said:
                questions.append(pack.Question(context.chat.id, context.settings, said))
                owners.append(context)
    if questions:
        found = await pack.find(session, questions, owners[0].random)
        for context, matches in zip(owners, found, strict=True):
            context.prepared.setdefault("matches", []).append(matches)


@listener(order=10)
async def react(context: Context) -> Reply:
    """Answer with what was taught for this message."""
    for matches in context.prepared.get("matches", ()):
        match = choose(context, matches)
        if match is None:
            continue
        context.notes.update(key=match.key, rule=match.rule)
        if context.random.random() * 100 >= context.get(CHANCE):
            context.notes["silent"] = "chance"
            return None
        if not await _pause_is_over(context):
            context.notes["silent"] = "pause"
            return None
        return say(context, match)
    return None


@listener(order=20)
async def answer_unknown(context: Context) -> Reply:
    """Say something when the bot is addressed and knows no command."""
    if context.rest is None:
        return None
    taught = await pack.draw_keyless(context.session, context.chat.id, Reaction.FALLBACK, context.random)
    if taught is not None:
        return pack.answer_of(taught)
    return context.random.choice(FALLBACKS).format(name=settings.BOT_NAME)


@command("процент срабатывания", "процент", slash="chance", examples=["Хлеб процент 15", "Хлеб процент"])
async def answer_chance(context: Context, chance: Percent | None = None) -> Reply:
    """Показать или задать, как часто бот отвечает на триггеры и подстроки."""
    if chance is None:
        return f"Отвечаю на триггеры и подстроки в {context.get(CHANCE)}% случаев."
    await must_teach(context)
    await context.set(CHANCE, int(chance))
    return f"Хорошо, теперь отвечаю в {chance}% случаев."


@command("пауза", slash="pause", examples=["Хлеб пауза 30", "Хлеб пауза"])
async def answer_pause(context: Context, seconds: int | None = None) -> Reply:
    """Показать или задать, сколько секунд молчать между двумя ответами на триггеры и подстроки."""
    if seconds is None:
        return f"Между моими ответами проходит не меньше {_seconds(context.get(PAUSE))}."
    if not 0 <= seconds <= LONGEST_PAUSE:
        return f"Паузу держу от 0 до {LONGEST_PAUSE} секунд."
    await must_teach(context)
    await context.set(PAUSE, seconds)
    return f"Буду молчать между ответами не меньше {_seconds(seconds)}." if seconds else "Больше никаких пауз!"


@command("проверь", "проверка", "check", slash="check", examples=["Хлеб проверь Привет"])
async def answer_check(context: Context, text: str) -> Reply:
    """Показать, что бот ответил бы на такой текст, не глядя на процент."""
    question = pack.Question(context.chat.id, context.settings, text)
    [matches] = await pack.find(context.session, [question], context.random)
    match = choose(context, matches)
    return "На такое я промолчу: ни один ключ не подходит." if match is None else say(context, match)


@command("скажи", "say", slash="say", examples=["Хлеб скажи Всем хлеба!"])
async def answer_say(context: Context, text: str) -> Reply:
    """Сказать что велено."""
    return text


def choose(context: Context, matches: Sequence[pack.Match]) -> pack.Match | None:
    """The key that answers: a trigger before all substrings, of several substrings any with the same chance."""
    for reaction in (Reaction.TRIGGER, Reaction.SUBSTRING):
        fitting = [match for match in matches if match.reaction is reaction]
        if fitting:
            return context.random.choice(sorted(fitting, key=lambda match: match.key_digest))
    return None


def say(context: Context, match: pack.Match) -> Answer:
    """A value of a key that fits, with a note of where it comes from."""
    taught = match.taught
    context.notes.update(author_id=taught.author_id, taught_at=taught.created_at.isoformat())
    return pack.answer_of(taught)


async def _pause_is_over(context: Context) -> bool:
    seconds = context.get(PAUSE)
    if not seconds:
        return True
    now = context.now.timestamp()
    if now - context.get(LAST_ANSWER) < seconds:
        return False
    await context.set(LAST_ANSWER, now)
    return True


def _seconds(number: int) -> str:
    return f"{number} {plural(number, 'секунды', 'секунд', 'секунд')}"
