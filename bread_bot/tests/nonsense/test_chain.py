"""Sentences made up from what was said."""

from collections import Counter
from random import Random

import pytest

from bread_bot.nonsense.chain import END, LONGEST_WORD, MOST_WORDS, START, make_up, transitions


def learnt(*texts: str) -> list[tuple[str, str, int]]:
    """What is known after these texts."""
    counted = Counter(step for text in texts for step in transitions(text))
    return [(prefix, word, times) for (prefix, word), times in counted.items()]


def test_a_sentence_is_a_walk() -> None:
    """From the start, two words lead to the next, up to the end."""
    assert list(transitions("Мама мыла раму")) == [
        (START, "Мама"),
        ("Мама", "мыла"),
        ("Мама мыла", "раму"),
        ("мыла раму", END),
    ]


def test_sentences_are_apart() -> None:
    """Each sentence and each line begins anew."""
    starts = [word for prefix, word in transitions("Раз. Два! Три\nЧетыре…") if prefix == START]
    assert starts == ["Раз.", "Два!", "Три", "Четыре…"]


@pytest.mark.parametrize("text", ["", " ", "...", "🍞", "123 !", "https://a.b/c", "@vasya", "/who", "ы" * 41])
def test_nothing_to_learn(text: str) -> None:
    """Signs, addresses, mentions, commands and endless words teach nothing."""
    assert list(transitions(text)) == []


def test_a_long_text_costs_no_more_than_its_first_words() -> None:
    """However much is said at once, so many steps are learnt at most."""
    assert len(list(transitions("слово " * 100_000))) == MOST_WORDS + 1
    assert len(list(transitions("слово. " * 10_000))) <= 2 * MOST_WORDS
    assert all(len(word) <= LONGEST_WORD for _, word in transitions("а" * LONGEST_WORD + " " + "б" * 10_000))


def test_what_was_said_once_is_said_again() -> None:
    """One sentence leads to itself, with a capital and an end."""
    assert make_up(Random(1), learnt("мама мыла раму"), 30) == "Мама мыла раму."
    assert make_up(Random(1), learnt("Уже поздно?"), 30) == "Уже поздно?"


def test_sentences_are_crossed() -> None:
    """Where two sentences share two words, one may go on as the other."""
    known = learnt("мама мыла раму вчера", "папа мыла раму завтра", "кот мыла раму")
    said = {make_up(Random(seed), known, 30) for seed in range(200)}
    assert "Мама мыла раму завтра." in said and "Папа мыла раму." in said


def test_often_said_is_often_made_up() -> None:
    """What was said nine times as often is drawn about so."""
    known = [(START, "да", 9), (START, "нет", 1), ("да", END, 1), ("нет", END, 1)]
    drawn = Counter(make_up(random, known, 30) for random in [Random(7)] for _ in range(2_000))
    assert 1_700 < drawn["Да."] < 1_900


def test_the_same_chance_makes_up_the_same() -> None:
    """Nothing but the given chance decides."""
    known = learnt("мама мыла раму", "мама мыла пол", "папа ел суп")
    assert [make_up(Random(seed), known, 30) for seed in range(20)] == [
        make_up(Random(seed), known, 30) for seed in range(20)
    ]


def test_it_always_ends() -> None:
    """A circle of words is left after so many words; nothing known says nothing."""
    known = [(START, "и", 1), ("и", "и", 1), ("и и", "и", 1)]
    assert len(make_up(Random(1), known, 30).split()) == 30
    assert make_up(Random(1), [], 30) == ""
    assert make_up(Random(1), [("а", "б", 1)], 30) == ""
