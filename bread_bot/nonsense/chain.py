"""Sentences made up from what was said: which word follows which two."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from random import Random

LONGEST_WORD = 40
MOST_WORDS = 200

# Ends of a sentence stand for themselves; they never look like a word.
START, END = "", "\n"
_SENTENCE = re.compile(r"[^.!?…\n]+[.!?…]*")
_PASSED_OVER = re.compile(r"\S*(?:://|@|www\.)\S*|/\w+")


def transitions(text: str) -> Iterator[tuple[str, str]]:
    """Which word follows which prefix in a text: the two words before it, parted by a blank; START for none.

    Addresses, mentions and commands are passed over, and so are words that are too long to be any.
    """
    left = MOST_WORDS
    for sentence in _SENTENCE.findall(_PASSED_OVER.sub(" ", text)):
        words = [word for word in sentence.split() if len(word) <= LONGEST_WORD][:left]
        left -= len(words)
        if not any(character.isalpha() for word in words for character in word):
            continue
        before, last = START, START
        for word in [*words, END]:
            yield f"{before} {last}".strip(), word
            before, last = last, word


def make_up(random: Random, known: Iterable[tuple[str, str, int]], most_words: int) -> str:
    """A sentence out of transitions, each (prefix, word, times); empty where none begins a sentence."""
    follow: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for prefix, word, times in known:
        follow[prefix].append((word, times))
        if " " in prefix:  # where the two words together lead nowhere, the last one alone may
            follow["\n" + prefix.rpartition(" ")[2]].append((word, times))
    before, last, sentence = START, START, list[str]()
    while len(sentence) < most_words:
        prefix = f"{before} {last}".strip()
        choices = follow.get(prefix) or follow.get("\n" + last)
        if not choices:
            break
        word = random.choices([one for one, _ in choices], [times for _, times in choices])[0]
        if word == END:
            break
        sentence.append(word)
        before, last = last, word
    said = " ".join(sentence).strip()
    if not said:
        return ""
    return said[0].upper() + said[1:] + ("" if said[-1] in ".!?…" else ".")
