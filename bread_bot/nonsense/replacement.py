"""Nonsense by replacement: words of a text give way to a dictionary's words in the same grammatical form."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from math import ceil
from random import Random

from bread_bot.nonsense.sentence import Word, agrees, plain_case, read_sentence
from bread_bot.utils.morphology import Reading, Tag, is_function_word, is_russian, read

_KINDS = {
    "NOUN": "noun",
    "NPRO": "noun",
    "ADJF": "adjective",
    "ADJS": "adjective",
    "COMP": "adjective",
    "PRTF": "adjective",
    "PRTS": "adjective",
    "VERB": "verb",
    "INFN": "verb",
    "GRND": "verb",
    "ADVB": "adverb",
}
_SHORT = {"ADJF": "ADJS", "PRTF": "PRTS"}
_LONG = {"ADJS": "ADJF", "PRTS": "PRTF"}
_VOWELS = "аэиоу"

# To inflect costs 0.1 ms, and a large dictionary may have nothing that fits exactly.
_MOST_TRIES = 10


@dataclass(frozen=True)
class Agreement:
    """What a noun asks of the words that agree with it."""

    case: str
    number: str
    gender: str
    animacy: str

    @classmethod
    def of(cls, tag: Tag, case: str | None = None, number: str | None = None) -> "Agreement":
        return cls(
            case or plain_case(tag) or "nomn",
            number or tag.number or "sing",
            tag.gender or "masc",
            tag.animacy or "inan",
        )

    @property
    def short(self) -> set[str]:
        """The number, and the gender where it shows."""
        return {"plur"} if self.number == "plur" else {"sing", self.gender}

    @property
    def full(self) -> set[str]:
        """The case as well, and the animacy where it shows."""
        animacy = {self.animacy} if self.case == "accs" and (self.number == "plur" or self.gender == "masc") else set()
        return {self.case} | self.short | animacy


@dataclass(frozen=True)
class Phrase:
    """An entry of the dictionary: its words, the one that is inflected and those that agree with it."""

    words: tuple[str, ...]
    kind: str
    head: int = 0
    reading: Reading | None = None
    modifiers: tuple[tuple[int, Reading], ...] = ()

    @property
    def normal_form(self) -> str:
        return self.reading.normal_form if self.reading else " ".join(self.words).lower()

    def say(self, form: Reading, agreement: Agreement | None = None) -> str:
        """Put the phrase together again around the inflected head."""
        said = list(self.words)
        said[self.head] = _with_capitals(form.word, self.words[self.head])
        for index, modifier in self.modifiers if agreement else ():
            said[index] = _with_capitals(_inflected(modifier, agreement.full), said[index]) if agreement else ""
        return " ".join(said)


@dataclass(frozen=True)
class Substitute:
    """What to write instead of a word, and what it asks of the words around it if it is a noun."""

    phrase: Phrase
    text: str
    exact: bool = True
    agreement: Agreement | None = None


def replace_words(text: str, dictionary: Sequence[str], strength: int, random: Random) -> str:
    """Replace some words of the text by words of the dictionary put into the same form.

    Of n replaceable words about strength / (strength + 2) go, at least one. Only words with a matter of their own
    do: pronouns, prepositions, numbers, hyphenated words, URLs and mentions stay. When no entry of the dictionary is of
    the right part of speech one word is replaced by an entry as it is; a text without Russian words comes back as it
    was.
    """
    words = read_sentence(text)
    targets = [word for word in words if _is_replaceable(word)]
    phrases = deque(read_phrase(entry) for entry in dict.fromkeys(dictionary) if entry.strip())
    if not targets or not phrases:
        return text
    kinds = {phrase.kind for phrase in phrases}
    fitting = [word for word in targets if kinds & _kinds_for(word)]
    random.shuffle(phrases)
    random.shuffle(fitting)
    strength = max(strength, 1)
    chosen = fitting[: ceil(len(fitting) * strength / (strength + 2))]
    said: dict[int, str] = {}
    agreements: dict[int, Agreement] = {}
    # Nouns first: the others agree with them.
    for word in sorted(chosen, key=lambda word: word.pos != "NOUN"):
        substitute = _substitute(word, agreements.get(id(word.noun)), phrases)
        if substitute:
            said[id(word)] = substitute.text
            if substitute.agreement:
                agreements[id(word)] = substitute.agreement
            phrases.remove(substitute.phrase)
            phrases.append(substitute.phrase)
    if not said:
        said[id(random.choice(targets))] = " ".join(phrases[0].words)
    for word in words:
        agreement = agreements.get(id(word.noun))
        if agreement and word.reading and id(word) not in said:
            said[id(word)] = _agreeing(word.reading, agreement)
    return _put_together(text, words, said)


def forms(word: str) -> list[str]:
    """List the different forms of a word, the dictionary form first; a word that is not Russian has only itself."""
    return list(dict.fromkeys(form.word for form in _lexeme(word))) or [word]


def tagged_forms(word: str) -> list[tuple[str, str]]:
    """List the forms of a word with their tags in Russian, such as («хлебом», «СУЩ,неод,мр ед,тв»)."""
    return list(dict.fromkeys((form.word, form.tag.cyr_repr) for form in _lexeme(word)))


def _lexeme(word: str) -> list[Reading]:
    word = word.strip()
    return _dictionary_reading(word).lexeme if is_russian(word) else []


@lru_cache(maxsize=5_000)
def read_phrase(entry: str) -> Phrase:
    """Read an entry of the dictionary; one that is not Russian is a noun that does not change."""
    words = tuple(entry.split())
    readings = [_dictionary_reading(word) if is_russian(word) else None for word in words]
    for head, reading in enumerate(readings):
        if reading is None:
            break
        if reading.tag.POS == "NOUN" and reading.tag.case == "nomn":
            modifiers = tuple(_modifiers(words[:head], reading))
            if len(modifiers) == head:
                return Phrase(words, "noun", head, reading, modifiers)
            break
        if _KINDS.get(reading.tag.POS or "") == "verb":
            return Phrase(words, "verb", head, reading)
    last = readings[-1]
    if last is None or any(reading is None for reading in readings):
        return Phrase(words, "noun")
    return Phrase(words, _KINDS.get(last.tag.POS or "", "other"), len(words) - 1, last)


def _dictionary_reading(word: str) -> Reading:
    """Choose the reading that someone who names a word has in mind: rather its dictionary form than another."""

    def likeliness(reading: Reading) -> float:
        tag = reading.tag
        named = tag.POS in {"INFN", "ADVB"} or tag.case == "nomn"
        renamed = word.islower() and "Name" in tag
        return reading.score * (3 if named else 1) * (0.2 if renamed else 1)

    return max(read(word), key=likeliness)


def _modifiers(words: Sequence[str], noun: Reading) -> Iterator[tuple[int, Reading]]:
    for index, word in enumerate(words):
        for reading in read(word):
            if reading.tag.POS in {"ADJF", "PRTF"} and agrees(reading.tag, noun.tag):
                yield index, reading
                break


def _is_replaceable(word: Word) -> bool:
    reading = word.reading
    if reading is None or len(word.text) < 2 or reading.normal_form in {"быть", "мочь"}:
        return False
    return reading.tag.POS in _KINDS and not is_function_word(reading.tag) and "Anum" not in reading.tag


def _kinds_for(word: Word) -> set[str]:
    kinds = {_KINDS[word.pos or ""]}
    return kinds | {"verb"} if word.pos in {"PRTF", "PRTS"} else kinds


def _substitute(word: Word, agreement: Agreement | None, phrases: Iterable[Phrase]) -> Substitute | None:
    """Find the first phrase that can stand in the word's place exactly, else the first that can stand there at all."""
    assert word.reading is not None
    loose = None
    kinds, own = _kinds_for(word), word.reading.normal_form
    suitable = (phrase for phrase in phrases if phrase.kind in kinds and phrase.normal_form != own)
    for phrase in islice(suitable, _MOST_TRIES):
        substitute = _fit(phrase, word.reading.tag, agreement)
        if substitute and substitute.exact:
            return substitute
        loose = loose or substitute
    return loose


def _fit(phrase: Phrase, tag: Tag, agreement: Agreement | None) -> Substitute | None:
    if phrase.kind == "noun":
        return _fit_noun(phrase, tag)
    if phrase.reading is None:
        return None
    for exact, wanted in _wanted(phrase.reading.tag, tag, agreement or Agreement.of(tag)):
        form = phrase.reading.inflect(wanted) if wanted else phrase.reading
        if form:
            return Substitute(phrase, phrase.say(form), exact)
    return None


def _fit_noun(phrase: Phrase, tag: Tag) -> Substitute:
    case, number = tag.case or "nomn", tag.number or "sing"
    if phrase.reading is None:
        text = " ".join(phrase.words)
        return Substitute(phrase, text, agreement=Agreement(plain_case(tag) or "nomn", number, "masc", "inan"))
    # Some nouns have no plural, others no singular.
    form = phrase.reading.inflect({case, number}) or phrase.reading.inflect({case}) or phrase.reading
    agreement = Agreement.of(form.tag, plain_case(tag))
    return Substitute(phrase, phrase.say(form, agreement), agreement=agreement)


def _wanted(own: Tag, tag: Tag, agreement: Agreement) -> Iterator[tuple[bool, set[str]]]:
    """List the forms that would do in the place of a tag, the best first, and whether they are as good as the old."""
    pos = tag.POS or ""
    kind = _KINDS.get(own.POS or "")
    if kind == "adverb":
        yield True, set()
    elif kind == "adjective":
        long = _LONG.get(own.POS or "", own.POS or "")
        long = "ADJF" if long == "COMP" else long
        if pos == "COMP":
            yield True, {"COMP"}
        elif pos in _SHORT.values():
            yield True, {_SHORT[long]} | agreement.short
            yield False, {long, "nomn"} | agreement.short
        else:
            yield True, {long} | agreement.full
    elif pos in {"PRTF", "PRTS"}:
        form = agreement.full if pos == "PRTF" else agreement.short
        yield True, {pos, tag.voice or "actv", tag.tense or "past"} | form
        yield False, {pos} | form
    elif pos == "VERB" and tag.mood == "impr":
        yield True, {"impr", agreement.number}
    elif pos == "VERB" and tag.tense == "past":
        yield True, {"VERB", "past"} | agreement.short
    elif pos == "VERB":
        person = {"VERB", agreement.number, tag.person or "3per"}
        yield True, person | {tag.tense or "pres"}
        yield False, person
    elif pos == "GRND":
        yield own.aspect == tag.aspect, {"GRND", tag.tense or "pres"}
        yield False, {"GRND"}
    else:
        yield own.aspect == tag.aspect, {"INFN"}


def _agreeing(reading: Reading, agreement: Agreement) -> str:
    """Put a word that stays into the form that its new noun asks for."""
    tag = reading.tag
    if tag.POS == "NUMR":
        return _inflected(reading, {agreement.case, agreement.gender} if tag.gender else {agreement.case})
    if tag.POS == "ADJF" or tag.POS == "PRTF":
        return _inflected(reading, agreement.full)
    if tag.tense == "past" or tag.POS in {"ADJS", "PRTS"}:
        return _inflected(reading, agreement.short)
    return _inflected(reading, {agreement.number})


def _inflected(reading: Reading, wanted: set[str]) -> str:
    form = reading.inflect(wanted)
    return form.word if form else reading.word


def _with_capitals(text: str, model: str) -> str:
    """Give the text the capitals of a model: ALL, the First one, or none of its own."""
    if len(model) > 1 and model.isupper():
        return text.upper()
    return text[:1].upper() + text[1:] if model[:1].isupper() else text


def _put_together(text: str, words: list[Word], said: dict[int, str]) -> str:
    parts: list[str] = []
    for index, word in enumerate(words):
        new = said.get(id(word))
        following = said.get(id(words[index + 1])) if index + 1 < len(words) else None
        if following and word.lower in {"о", "об"}:
            new = "об" if following[0].lower() in _VOWELS else "о"
        parts += [word.gap, word.text if new is None else _with_capitals(new, word.text)]
    return "".join(parts) + text[words[-1].end :]
