"""What we wrote ourselves: enough of it, each thing once, in clean and kind language."""

import re
from collections import Counter
from itertools import combinations

import pytest

from bread_bot.sources.collection import Collection
from bread_bot.sources.source import ADVICE, ENGLISH_INSULTS, INSULTS, JOKES, OWN, QUOTES
from bread_bot.utils.text import words

RUSSIAN = {
    "quotes": QUOTES.collection,
    "jokes": JOKES.collection,
    "advice": ADVICE.collection,
    "insults": INSULTS,
}
ALL = {**RUSSIAN, "english insults": ENGLISH_INSULTS.collection}

CRUDE = re.compile(
    r"\b(?:бл[яэ]|[её]б|[зн]а[её]б|по[её]б|пизд|муд[аи]к|ху[йеёяи](?!ж)|на?х[уе]р|херн|сук[аи]\b|сучк|шлюх|говн|дерьм|"
    r"сра[тн]|засран|жоп|задниц|дур[аеоы]|идиот|дебил|кретин|тупиц|туп(?:ой|ая|ое|ые)\b|урод|сволоч|скотин|"
    r"гад(?:ин)?\b|мраз|твар[ьи]|чмо|лох\b|лошар|придур|ублюд|подонок|чертов|водк|пьян|сдох|убь|жирн|толст|"
    r"damn|hell\b|shit|fuck|bitch|bastard|arse|ass\b|idiot|moron|stupid|ugly|fat\b|dumb|crap|suck)"
)
ODD = {
    "a straight quotation mark": '"',
    "a hyphen for a dash": r"(?:^|\s)-\s",
    "three full stops": r"\.\.\.",
    "white space at an end": r"(?m)^[^\S\n]|[^\S\n]$",
    "a double blank": r"[^\S\n]{2}|\n\n",
    "a blank before a sign": r"\s[,.!?:;»]",
    "a separator": "%",
}


def texts(name: str) -> list[str]:
    return [finding.text for finding in ALL[name].findings]


@pytest.mark.parametrize(
    ("collection", "least"),
    [(QUOTES.collection, 65), (JOKES.collection, 65), (ADVICE.collection, 65), (INSULTS, 65),
     (ENGLISH_INSULTS.collection, 30)],
    ids=lambda value: getattr(value, "file_name", ""),
)
def test_there_is_enough(collection: Collection, least: int) -> None:
    assert len(collection.findings) >= least


@pytest.mark.parametrize("name", ALL)
def test_texts_are_clean(name: str) -> None:
    for text in texts(name):
        assert 10 < len(text) <= 700
        assert text[0].isupper() or text[0] in "—«"
        assert text[-1] in ".!?»…"
        assert [what for what, sign in ODD.items() if re.search(sign, text)] == [], text
        assert CRUDE.findall(" ".join(words(text))) == [], text


@pytest.mark.parametrize("name", ALL)
def test_alphabets_are_not_mixed(name: str) -> None:
    foreign = r"[^\W\d_а-яёА-ЯЁ]" if name in RUSSIAN else r"[^\W\d_a-zA-Z]"
    for finding in ALL[name].findings:
        assert re.findall(foreign, str(finding)) == [], finding


def test_nothing_is_told_twice() -> None:
    bags = [(text, set(words(text))) for name in ALL for text in texts(name)]
    alike = [(one, other) for (one, a), (other, b) in combinations(bags, 2) if len(a & b) > len(a | b) * 0.4]
    assert alike == []


@pytest.mark.parametrize("name", ALL)
def test_there_is_no_formula(name: str) -> None:
    beginnings = Counter(" ".join(words(text)[:2]) for text in texts(name))
    assert [beginning for beginning, count in beginnings.items() if count > 4] == []


def test_it_is_clear_whose_words_they_are() -> None:
    assert all(finding.credit for finding in QUOTES.collection.findings)
    assert {finding.credit for finding in JOKES.collection.findings} == {OWN}
    assert not any(finding.credit for finding in (*ADVICE.collection.findings, *INSULTS.findings))
    assert all("©" not in text for name in ALL for text in texts(name))


def test_jokes_are_short() -> None:
    assert all(finding.text.count("\n") < 6 for finding in JOKES.collection.findings)
