"""Nonsense by replacement (BEHAVIOUR, section 6): the same grammatical form, capitals and punctuation kept."""

from random import Random

import pytest

from bread_bot.nonsense import replacement
from bread_bot.nonsense.replacement import forms, replace_words, tagged_forms

CHANCES = range(12)


@pytest.mark.parametrize(
    ("entry", "text", "expected"),
    [
        ("кот", "Я думаю о хлебе", "Я думаю о коте"),
        ("кот", "Я иду с хлебом", "Я иду с котом"),
        ("кот", "Хлеба нет", "Кота нет"),
        ("кот", "НЕТ ХЛЕБА!", "НЕТ КОТА!"),
        ("кот", "Пять столов", "Пять котов"),
        ("кот", "Шляпа упала", "Кот упал"),
        ("кот", "…«Хлеба», — нет", "…«Кота», — нет"),
        ("собака", "Я вижу стол", "Я вижу собаку"),
        ("собака", "Стол упал", "Собака упала"),
        ("собака", "Столы упали", "Собаки упали"),
        ("собака", "Стол", "Собака"),
        ("собака", "Я стол купил", "Я собаку купил"),
        ("окно", "Большой стол вчера упал", "Большое окно вчера упало"),
        ("красная шапка", "Я купил хлеб", "Я купил красную шапку"),
        ("абажур", "Говорю о доме", "Говорю об абажуре"),
        ("дом", "Говорю об абажуре", "Говорю о доме"),
        ("красивый", "Большая шляпа", "Красивая шляпа"),
        ("красивый", "В большом доме", "В красивом доме"),
        ("красивый", "Большие дома", "Красивые дома"),
        ("красивый", "Вижу большого кота", "Вижу красивого кота"),
        ("красивый", "Дом высок", "Дом красив"),
        ("бежать", "Мама пела", "Мама бежала"),
        ("бежать", "Папа пел", "Папа бежал"),
        ("бежать", "Они поют", "Они бегут"),
        ("петь", "Ты читаешь", "Ты поёшь"),
        ("петь", "Читай книгу", "Пой книгу"),
        ("петь", "Мы будем читать", "Мы будем петь"),
        ("написать", "Я прочитаю", "Я напишу"),
        ("быстро", "Он громко кричит", "Он быстро кричит"),
    ],
)
def test_the_same_form(entry: str, text: str, expected: str) -> None:
    """Whatever chance says, the only word that can go goes, and what agrees with it follows."""
    assert {replace_words(text, [entry], 1, Random(seed)) for seed in CHANCES} == {expected}


@pytest.mark.parametrize(
    "text",
    ["", "   ", "123", "hello world", "\0", "🍞", "https://a.b/хлеб", "и в на", "@vasya", '"' * 50, "\ud800", "кто-то"],
)
def test_nothing_to_replace(text: str) -> None:
    """A text without words of a matter of their own comes back as it was."""
    assert replace_words(text, ["кот"], 3, Random(1)) == text


@pytest.mark.parametrize("dictionary", [[], [" "], ["\0"], ["🍞"], ["hello"], ["123"], ["...", "<b>"], ["ё" * 300]])
def test_any_dictionary(dictionary: list[str]) -> None:
    """An entry that is no Russian word is written as it is, and all around it stays."""
    said = replace_words("«Хлеба нет!»\n", dictionary, 1, Random(1))
    assert said.startswith("«") and said.endswith("!»\n")


def test_more_with_more_strength() -> None:
    """The strength tells how many words go; at least one does."""
    text = "стол дом лес город река гора море поле"

    def gone(strength: int) -> int:
        said = replace_words(text, ["кот", "собака"], strength, Random(1))
        return sum(old != new for old, new in zip(text.split(), said.split(), strict=True))

    counts = [gone(strength) for strength in (0, 1, 3, 10, 100)]
    assert counts == sorted(counts) and counts[0] >= 1 and counts[-1] == 8


def test_the_same_chance_says_the_same() -> None:
    """Nothing but the given chance decides."""
    text, dictionary = "Мама купила большую шляпу в городе", ["кот", "собака", "красивый", "бежать"]
    said = [[replace_words(text, dictionary, 3, Random(seed)) for seed in CHANCES] for _ in range(2)]
    assert said[0] == said[1]
    assert len(set(said[0])) > 1


def test_everything_around_stays() -> None:
    """White space, punctuation, addresses and mentions are let be."""
    said = replace_words("Ну,  хлеб!\n\n(хлеб) https://a.b/х @vasya… ", ["кот"], 100, Random(1))
    assert said == "Ну,  кот!\n\n(кот) https://a.b/х @vasya… "


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What has been tried to be made fit, a word and an entry at a time."""
    tried: list[object] = []
    fit = replacement._fit

    def counting(*args: object) -> object:
        tried.append(args)
        return fit(*args)  # type: ignore[arg-type]  # whatever it takes

    monkeypatch.setattr(replacement, "_fit", counting)
    return tried


def test_cost_grows_with_the_text_not_its_square(tried: list[object]) -> None:
    """A text twice as long inflects about twice as many words."""
    counts = []
    for times in (20, 40):
        tried.clear()
        replace_words("Мама купила хлеб. " * times, ["кот", "собака", "бежать"], 100, Random(1))
        counts.append(len(tried))
    assert 0 < counts[1] <= 3 * counts[0]


def test_cost_does_not_grow_with_the_dictionary(tried: list[object]) -> None:
    """Where nothing fits exactly, a few entries are tried and not all."""
    imperfective = ["бежать", "петь", "читать", "писать", "спать", "играть", "думать", "лежать", "ждать", "пить"] * 2
    entries = [*imperfective, *(f"{verb} медленно" for verb in imperfective), *(f"{verb} тут" for verb in imperfective)]
    assert replace_words("Я хочу сделать", entries, 1, Random(1)) != "Я хочу сделать"
    assert len(tried) <= 20


def test_forms() -> None:
    """The forms of a word, the dictionary's first; none twice."""
    listed = forms("хлебом")
    assert listed[0] == "хлеб" and {"хлеба", "хлебу", "хлебе"} <= set(listed)
    assert len(set(listed)) == len(listed)
    assert forms("hello") == ["hello"]
    assert ("хлебом", "СУЩ,неод,мр ед,тв") in tagged_forms("хлеб")
    assert tagged_forms("hello") == []
