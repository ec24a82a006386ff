"""Entertainment (BEHAVIOUR, section 4)."""

import re
from collections import Counter
from datetime import UTC, datetime

import pytest

from bread_bot.fun.handlers.moods import ON_EDIT, ON_VOICE
from bread_bot.tests.talk import Talk
from bread_bot.tests.telegram import updates


async def test_odds(talk: Talk) -> None:
    """The rest and a whole percent."""
    percents = []
    for _ in range(60):
        found = re.fullmatch(r"завтра дождь - (\d+)%", str(await talk.say("Хлеб шанс завтра дождь?")))
        assert found is not None
        percents.append(int(found[1]))
    assert min(percents) >= 0 and max(percents) <= 100 and len(set(percents)) > 20
    assert str(await talk.say("Хлеб вероятность успеха!")).startswith("успеха - ")


@pytest.mark.parametrize(
    ("asked", "items"),
    [
        ("чай или кофе", {"чай", "кофе"}),
        ("чай, кофе или сок?", {"чай, кофе", "сок"}),
        ("булка и батон", {"булка", "батон"}),
        ("а, б , в!", {"а", "б", "в"}),
        ("Только Это.", {"Только Это"}),
        ("a,,b", {"a", "b"}),
    ],
)
async def test_choose(talk: Talk, asked: str, items: set[str]) -> None:
    """One item of the list, exactly as written; all of them by and by."""
    talk.chance(1)
    assert {await talk.say(f"Хлеб выбери {asked}") for _ in range(25)} == items


@pytest.mark.parametrize(
    ("asked", "low", "high"),
    [
        ("рандом", 0, 10_000),
        ("цифра", 0, 10_000),
        ("цифры 6", 1, 6),
        ("рандом 5-10", 5, 10),
        ("рандом от 5 до 10", 5, 10),
        ("рандом 10-5", 5, 10),
        ("рандом 5 - 10", 5, 10),
        ("рандом -3 - -1", -3, -1),
        ("рандом 7-7", 7, 7),
    ],
)
async def test_random(talk: Talk, asked: str, low: int, high: int) -> None:
    """A whole number inside the range, both ends included."""
    talk.chance(1)
    numbers = [int(str(await talk.say(f"Хлеб {asked}"))) for _ in range(50)]
    assert low <= min(numbers) and max(numbers) <= high
    if high - low < 10:
        assert set(numbers) == set(range(low, high + 1))


@pytest.mark.parametrize("asked", ["много", "5-", "1e3", "9" * 30, "от 5", "٣", "0", "-5"])
async def test_no_range(talk: Talk, asked: str) -> None:
    """Anything else is refused kindly."""
    assert "Например" in str(await talk.say(f"Хлеб рандом {asked}"))


@pytest.mark.parametrize(
    "words",
    ["будет", "будут", "настанет", "настанут", "случится", "случатся", "произойдет", "произойдёт", "наступит", ""],
)
async def test_the_future(talk: Talk, words: str) -> None:
    """The rest and a date after today."""
    for _ in range(5):
        found = re.fullmatch(r"(.*лето) (\d\d\.\d\d\.\d{4})", str(await talk.say(f"Хлеб когда {words} лето?")))
        assert found is not None and found[1].split() == f"{words} лето".split()
        assert datetime.strptime(found[2], "%d.%m.%Y").date() > datetime.now(UTC).date()


@pytest.mark.parametrize(
    "words",
    [
        "был",
        "была",
        "было",
        "были",
        "настал",
        "настала",
        "настало",
        "настали",
        "случился",
        "случилась",
        "случилось",
        "случились",
        "произошел",
        "произошёл",
        "произошла",
        "произошло",
        "произошли",
        "наступил",
        "наступила",
        "наступило",
        "наступили",
    ],
)
async def test_the_past(talk: Talk, words: str) -> None:
    """The rest and a date before today."""
    for _ in range(3):
        found = re.search(r"(\d\d\.\d\d\.\d{4})$", str(await talk.say(f"Хлеб когда {words} обед?")))
        assert found is not None
        assert datetime.strptime(found[1], "%d.%m.%Y").date() < datetime.now(UTC).date()


@pytest.mark.parametrize(
    ("event", "has_happened"),
    [
        ("я родился", True),
        ("мы ходили в кино", True),
        ("БЫЛО лето, которое всё никак не наступит", True),
        ("будет обед, который был вчера", False),
        ("придёт Вера", False),
        ("отпуск", False),
        ("мы едим", False),
    ],
)
async def test_other_verbs(talk: Talk, event: str, has_happened: bool) -> None:
    """The first verb that tells of the past or the future decides; without any it is still to come."""
    answer = str(await talk.say(f"Хлеб когда {event}?"))
    day = datetime.strptime(answer.removeprefix(f"{event} "), "%d.%m.%Y").date()
    assert (day < datetime.now(UTC).date()) is has_happened


async def test_how_many_coin_and_dice(talk: Talk) -> None:
    """Numbers, sides, and Telegram's own dice."""
    assert re.fullmatch(r"булок - \d+", str(await talk.say("Хлеб сколько булок?")))
    talk.chance(1)
    assert len({await talk.say("Хлеб монетка") for _ in range(20)}) == 2
    (dice,) = await talk.hear("Хлеб кубик")
    assert (dice.method, dice.message["dice"]["emoji"]) == ("sendDice", "🎲")


async def test_moods(talk: Talk) -> None:
    """The reactions to edited messages and voices are off, and are switched on and off again."""
    await talk.say("раз")
    told = talk.last
    assert not await talk.post(updates.edited(told, "два"))
    assert "включена" in str(await talk.say("Хлеб редактирование"))
    (answer,) = await talk.post(updates.edited(told, "три"))
    assert answer.text in ON_EDIT
    here = updates.message(chat=talk.chat, location={"latitude": 55.7, "longitude": 37.6})
    moved = updates.edited(here, location={"latitude": 55.8, "longitude": 37.6})
    assert not await talk.post(moved), "a live location is no mended message"
    assert "выключена" in str(await talk.say("Хлеб редактирование"))
    assert not await talk.post(updates.edited(told, "четыре"))
    assert await talk.say(voice=True) is None
    assert "включена" in str(await talk.say("Хлеб голосовые"))
    talk.chance(1)
    said = Counter(
        [await talk.say(video_note=True) for _ in range(20)] + [await talk.say(voice=True) for _ in range(20)]
    )
    assert set(said) <= set(ON_VOICE) and len(said) > 3
    assert "выключена" in str(await talk.say("Хлеб голосовые"))
