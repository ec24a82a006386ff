"""Reading a sentence: which form each word stands in, and which words must agree with which."""

import re
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile

from bread_bot.utils.morphology import Reading, Tag, is_russian, read

# URLs, addresses, mentions, hash tags, commands and words with hyphens or apostrophes are one piece each: let be.
_PIECE = re.compile(r"\S*(?:://|@|www\.)\S*|[/#]\w+|\w+(?:[-'’‑.]\w+)+|\w+")

# How far a word is looked at from another: what stands farther tells little, and cost must not grow with the square.
_NEAR = 4
_FAR = 20

_END_OF_SENTENCE = re.compile(r"[^\w\s,«»\"]")

_CASES_BY_PREPOSITIONS = {
    "без безо вне вокруг возле вместо для до из изо из-за из-под кроме мимо": "gent",
    "около от ото после против ради среди у": "gent",
    "с со": "gent ablt accs",
    "к ко благодаря вопреки": "datv",
    "по": "datv accs loct",
    "про через сквозь": "accs",
    "в во на": "accs loct",
    "о об": "loct accs",
    "обо при": "loct",
    "за под": "accs ablt",
    "над надо перед передо между": "ablt",
}
CASES_AFTER = {
    preposition: frozenset(cases.split())
    for prepositions, cases in _CASES_BY_PREPOSITIONS.items()
    for preposition in prepositions.split()
}
_PLAIN_CASES = {"gen1": "gent", "gen2": "gent", "acc2": "accs", "loc1": "loct", "loc2": "loct"}

NOMINALS = frozenset({"NOUN", "NPRO", "ADJF", "PRTF", "NUMR"})
MODIFIERS = frozenset({"ADJF", "PRTF", "NUMR"})
VERBS = frozenset({"VERB", "INFN", "GRND"})
PREDICATES = frozenset({"VERB", "ADJS", "PRTS", "ADJF"})


@dataclass(eq=False)
class Word:
    """A word of a text, the reading chosen for it (None: not Russian) and the noun it agrees with, if any."""

    text: str
    start: int
    gap: str
    readings: list[Reading]
    reading: Reading | None = None
    noun: "Word | None" = None

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @cached_property
    def lower(self) -> str:
        return self.text.lower()

    @property
    def pos(self) -> str | None:
        return self.reading.tag.POS if self.reading else None

    @cached_property
    def begins_clause(self) -> bool:
        return "," in self.gap or self.begins_sentence

    @cached_property
    def begins_sentence(self) -> bool:
        return _END_OF_SENTENCE.search(self.gap) is not None


def read_sentence(text: str) -> list[Word]:
    """List the words of a text, each read in its context."""
    found: list[Word] = []
    end = 0
    for piece in _PIECE.finditer(text):
        word = piece.group()
        found.append(Word(word, piece.start(), text[end : piece.start()], read(word) if is_russian(word) else []))
        end = piece.end()
    for index, word_ in enumerate(found):
        before = _clause_before(found, index)
        if word_.readings:
            after = _clause_after(found, index, most=_NEAR)
            word_.reading = max(
                word_.readings, key=lambda reading: reading.score * _likeliness(reading, word_, before, after)
            )
    for index, word_ in enumerate(found):
        if word_.pos == "NOUN":
            _find_modifiers(found, index)
    for index, word_ in enumerate(found):
        if word_.pos == "NOUN":
            _find_predicate(found, index)
    return found


def plain_case(tag: Tag) -> str | None:
    """Name the case of a tag, rare ones (в лесу, чаю) by the common case they belong to."""
    return _PLAIN_CASES.get(tag.case, tag.case) if tag.case else None


def preposition_before(before: list[Word]) -> str | None:
    """Find the preposition that governs the word coming after these."""
    for word in reversed(before):
        if word.lower in CASES_AFTER:
            return word.lower
        if word.pos not in MODIFIERS and word.pos != "ADVB":
            return None
    return None


def agrees(modifier: Tag, noun: Tag) -> bool:
    """Tell whether an adjective, participle or numeral stands in the form that the noun asks for."""
    return (
        plain_case(modifier) == plain_case(noun)
        and modifier.number in (None, noun.number)
        and (None in (modifier.gender, noun.gender) or modifier.gender == noun.gender)
        and (None in (modifier.animacy, noun.animacy) or modifier.animacy == noun.animacy)
    )


def suits(predicate: Tag, subject: Tag) -> bool:
    """Tell whether a verb, a short or a full adjective can be what is said about the subject."""
    if predicate.POS not in PREDICATES or predicate.number != subject.number:
        return False
    if predicate.POS == "VERB" and (predicate.mood != "indc" or predicate.person not in (None, "3per")):
        return False
    if predicate.POS == "ADJF" and predicate.case != "nomn":
        return False
    return None in (predicate.gender, subject.gender) or predicate.gender == subject.gender


def _clause_before(found: list[Word], index: int) -> list[Word]:
    start = index
    while start > max(index - _FAR, 0) and not found[start].begins_clause:
        start -= 1
    return found[start:index]


def _clause_after(found: list[Word], index: int, most: int) -> list[Word]:
    after = found[index + 1 : index + 1 + most]
    return list(takewhile(lambda word: not word.begins_clause, after))


def _likeliness(reading: Reading, word: Word, before: list[Word], after: list[Word]) -> float:
    """Weigh a reading by what stands before the word in its clause, and by the verb that may want it as its subject."""
    tag = reading.tag
    last = before[-1] if before else None
    preposition = preposition_before(before)
    factor = 1.0
    if word.text.islower() and not {"Name", "Surn", "Patr"}.isdisjoint(tag.grammemes):
        factor *= 0.2
    if preposition and tag.POS in NOMINALS:
        return factor if plain_case(tag) in CASES_AFTER[preposition] else 0.01 * factor
    if preposition and last and last.lower == preposition:
        return 0.05 * factor
    if tag.POS == "VERB" and last and last.reading and last.reading.tag.case == "nomn":
        return 5 * factor if suits(tag, last.reading.tag) else factor
    if tag.POS != "NOUN":
        return factor
    if last and last.pos in MODIFIERS:
        factor *= 1 if any(agrees(other.tag, tag) for other in last.readings) else 0.05
    case = plain_case(tag)
    if case == "gent" and last and last.pos in {"NOUN", "NUMR"}:
        factor *= 3
    if case in {"accs", "nomn"} and _awaits_object(before):
        factor *= 3 if case == "accs" else 0.3
    elif case == "nomn" and _is_subject(tag, before, after):
        factor *= 3
    return factor


def _is_subject(noun: Tag, before: list[Word], after: list[Word]) -> bool:
    """Tell whether the noun stands alone or by a verb that fits it, and nothing before it is the subject instead."""
    if any(word.reading and word.pos in {"NOUN", "NPRO"} and word.reading.tag.case == "nomn" for word in before):
        return False
    if not before and not after:
        return True
    chosen = [word.reading.tag for word in before if word.reading and word.reading.tag.transitivity == "intr"]
    possible = [reading.tag for word in after for reading in word.readings]
    return any(tag.POS == "VERB" and suits(tag, noun) for tag in chosen + possible)


def _awaits_object(before: list[Word]) -> bool:
    """Tell whether the clause so far has a transitive verb that has not got its object yet."""
    for index in range(len(before) - 1, -1, -1):
        tag = before[index].reading
        if tag is None:
            continue
        if tag.tag.POS == "NOUN" and tag.tag.case == "accs":
            return False
        if tag.tag.POS in VERBS:
            return tag.tag.transitivity == "tran"
    return False


def _find_modifiers(found: list[Word], index: int) -> None:
    """Bind the adjectives and numerals right before a noun to it, each read in the form the noun asks for."""
    noun = found[index]
    assert noun.reading is not None
    while index > 0 and not found[index].begins_sentence:
        index -= 1
        word = found[index]
        if word.lower == "и" or word.pos == "ADVB":
            continue
        fitting = [
            reading
            for reading in word.readings
            if reading.tag.POS in MODIFIERS and agrees(reading.tag, noun.reading.tag)
        ]
        if not fitting or word.pos not in MODIFIERS or word.noun:
            return
        word.reading = fitting[0]
        word.noun = noun


def _find_predicate(found: list[Word], index: int) -> None:
    """Bind what is said about a noun in the nominative to it: the nearest fitting word after it, else before it."""
    noun = found[index]
    assert noun.reading is not None
    if noun.reading.tag.case != "nomn" or preposition_before(_clause_before(found, index)):
        return
    for word in _clause_after(found, index, most=_FAR) + _clause_before(found, index)[::-1]:
        if word.reading is None or word.noun:
            continue
        if suits(word.reading.tag, noun.reading.tag):
            word.noun = noun
            return
