"""Commands that leave it to chance."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from bread_bot.bot.answers import Answer, Reply
from bread_bot.bot.arguments import Choice, Question
from bread_bot.bot.command import command
from bread_bot.bot.context import Context
from bread_bot.bot.errors import UsageError
from bread_bot.main.settings import settings
from bread_bot.utils.morphology import is_russian, read
from bread_bot.utils.text import drop_closing, words

LARGEST = 10_000
_LARGEST_BOUND = 10**12
_FARTHEST_DAYS = 3650
_HOW_MANY = 100

_NUMBER = r"(-?[0-9]{1,13})"
_RANGES = (
    re.compile(rf"{_NUMBER}\s*(?:-|–|—|\.\.)\s*{_NUMBER}"),
    re.compile(rf"от\s+{_NUMBER}\s+до\s+{_NUMBER}", re.IGNORECASE),
)


@dataclass(frozen=True, slots=True)
class Range:
    """The whole numbers from `low` to `high`, both included."""

    low: int
    high: int
    form = "6 или 5-10"

    @classmethod
    def read(cls, text: str) -> Self:
        """Read `6` as 1–6, and `5-10` or `от 5 до 10` as it says."""
        said = drop_closing(text)
        if re.fullmatch(r"[0-9]{1,13}", said):
            bounds = (1, int(said))
            if not bounds[1]:
                raise UsageError("От одного до нуля чисел не водится.")
        else:
            found = next((match for pattern in _RANGES if (match := pattern.fullmatch(said))), None)
            if found is None:
                raise UsageError("Нужно число или диапазон.")
            bounds = (int(found[1]), int(found[2]))
        low, high = sorted(bounds)
        if max(abs(low), abs(high)) > _LARGEST_BOUND:
            raise UsageError("Столько я не насчитаю, давай числа поменьше.")
        return cls(low, high)


@command("шанс", "вероятность", slash="odds", examples=["Хлеб шанс, что завтра будет дождь?"])
async def answer_odds(context: Context, event: Question) -> Reply:
    """Сказать, с какой вероятностью что-то случится."""
    return f"{event} - {context.random.randint(0, 100)}%"


@command("выбери", "выбор", slash="choose", examples=["Хлеб выбери чай или кофе", "Хлеб выбери булка, багет, батон"])
async def answer_choose(context: Context, items: Choice) -> Reply:
    """Выбрать одно из перечисленного."""
    if not items:
        raise UsageError("Выбирать не из чего.")
    if len(items) > settings.MAX_LIST:
        raise UsageError(f"Глаза разбегаются, давай не больше {settings.MAX_LIST}.")
    return context.random.choice(items)


@command(
    "рандом", "цифра", "цифры", slash="random", examples=["Хлеб рандом", "Хлеб рандом 6", "Хлеб рандом от 5 до 10"]
)
async def answer_random(context: Context, numbers: Range | None = None) -> Reply:
    """Назвать случайное число: до 10000, до заданного или из диапазона."""
    numbers = numbers or Range(0, LARGEST)
    return str(context.random.randint(numbers.low, numbers.high))


@command("когда", slash="when", examples=["Хлеб когда будет лето?", "Хлеб когда был обед?"])
async def answer_when(context: Context, event: Question) -> Reply:
    """Назвать день, когда что-то будет или было."""
    days = timedelta(days=context.random.randint(1, _FARTHEST_DAYS))
    today = context.now.date()
    day = today - days if _has_happened(event) else today + days
    return f"{event} {day:%d.%m.%Y}"


def _has_happened(event: str) -> bool:
    """Whether the first verb that tells of the past or the future tells of the past."""
    for word in filter(is_russian, words(event)):
        tag = read(word)[0].tag
        if tag.POS == "VERB" and tag.tense in ("past", "futr"):
            return tag.tense == "past"
    return False


@command("сколько", slash="how_many", examples=["Хлеб сколько булок я съем?"])
async def answer_how_many(context: Context, what: Question) -> Reply:
    """Сказать, сколько чего-то."""
    return f"{what} - {context.random.randint(0, _HOW_MANY)}"


@command("монетка", slash="coin", examples=["Хлеб монетка"])
async def answer_coin(context: Context) -> Reply:
    """Бросить монетку."""
    return context.random.choice(["Орёл!", "Решка!"])


@command("кубик", slash="dice", examples=["Хлеб кубик"])
async def answer_dice(context: Context) -> Reply:
    """Бросить кубик."""
    return Answer("🎲", kind="dice")
