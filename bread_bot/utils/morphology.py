"""Russian word forms: a thin, lazily loaded layer over pymorphy3."""

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from threading import Lock
from typing import Protocol, cast

import pymorphy3

from bread_bot.utils.text import normalize, words

LONGEST_WORD = 40

# A normal form whose readings are rarer than this is a curiosity of the dictionary: «день» is hardly ever «деть».
RARE = 0.01
UNLIKELY = 0.1

FUNCTION_WORDS = frozenset({"PREP", "CONJ", "PRCL", "INTJ", "NPRO", "NUMR", "PRED"})

_CYRILLIC = re.compile(r"[а-яё]+", re.IGNORECASE)
_loading = Lock()
_loaded: list[pymorphy3.MorphAnalyzer] = []


class Tag(Protocol):
    """The grammemes of a reading; every attribute is None where it does not apply."""

    POS: str | None
    case: str | None
    number: str | None
    gender: str | None
    animacy: str | None
    tense: str | None
    person: str | None
    mood: str | None
    aspect: str | None
    transitivity: str | None
    voice: str | None
    grammemes: frozenset[str]
    cyr_repr: str

    def __contains__(self, grammeme: str) -> bool: ...


class Reading(Protocol):
    """One way to understand a word: its normal form, tag and how likely it is (0 to 1)."""

    word: str
    normal_form: str
    score: float
    tag: Tag
    is_known: bool

    @property
    def lexeme(self) -> list["Reading"]: ...

    def inflect(self, required_grammemes: set[str]) -> "Reading | None": ...


def preload() -> None:
    """Load the dictionaries now (0.1 s) rather than at the first word; safe from any thread."""
    if not _loaded:
        with _loading:
            if not _loaded:
                _loaded.append(pymorphy3.MorphAnalyzer())


def is_russian(word: str) -> bool:
    """Tell whether the word is made of Russian letters only and is of a length that words have."""
    return len(word) <= LONGEST_WORD and _CYRILLIC.fullmatch(word) is not None


@lru_cache(maxsize=2_000)
def read(word: str) -> list[Reading]:
    """List the readings of a word, the likeliest first; the list is shared, do not change it."""
    preload()
    return cast(list[Reading], _loaded[0].parse(word))


def is_function_word(tag: Tag) -> bool:
    """Tell whether a reading is a pronoun, preposition, number and the like: a word without a matter of its own."""
    return tag.POS in FUNCTION_WORDS or "Apro" in tag


def normal_forms(word: str) -> frozenset[str]:
    """Give every normal form the word may have, normalised; a word that is not Russian is its own."""
    word = normalize(word)
    return _normal_forms(word) if is_russian(word) else frozenset({word})


@lru_cache(maxsize=20_000)
def _normal_forms(word: str) -> frozenset[str]:
    scores = _scores(read(word))
    return frozenset(form for form, score in scores.items() if score >= RARE or form == word) or frozenset({word})


def _scores(readings: Iterable[Reading]) -> dict[str, float]:
    scores: dict[str, float] = defaultdict(float)
    for reading in readings:
        scores[normalize(reading.normal_form)] += reading.score
    return scores


def key_forms(key: str) -> frozenset[str]:
    """Give the normal forms by which a one-word key is found in its other forms; empty if it has none to speak of.

    A key fires on a message when this set and the message's `matching_forms` intersect. A key that is a dictionary
    form means that word alone (банка is no form of банк); pronouns, prepositions and the like are never inflected.
    """
    key = normalize(key)
    if not is_russian(key):
        return frozenset()
    readings = read(key)
    if any(_is_dictionary_form(key, reading) for reading in readings):
        return frozenset({key})
    if is_function_word(readings[0].tag):
        return frozenset()
    return frozenset({key}.union(form for form, score in _scores(readings).items() if score >= UNLIKELY))


def _is_dictionary_form(word: str, reading: Reading) -> bool:
    tag = reading.tag
    if normalize(reading.normal_form) != word or not reading.is_known or "Name" in tag or "Apro" in tag:
        return False
    return tag.POS == "INFN" or (tag.POS in {"NOUN", "ADJF"} and tag.number == "sing" and tag.case == "nomn")


def matching_forms(text: str) -> set[str]:
    """Give the normal forms of all Russian words of the text."""
    return {form for word in set(words(text)) if is_russian(word) for form in _normal_forms(word)}
