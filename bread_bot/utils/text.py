"""Text tools that know nothing of the bot: comparing, finding, cutting and parting what people write."""

import re
import unicodedata
from collections.abc import Container, Iterator

import regex

TEXT_LIMIT = 4096

GRAM_SIZES = (8, 4, 2, 1, 0)  # in words; a gram of no words is made of signs
GRAM_LENGTH = 100
SYMBOL_GRAM_LENGTH = 3

_WORD = re.compile(r"[^\W_]+")
_SYMBOL_GRAM = re.compile(r"(?=((?:[^\w\s]|_)[\W_]{0,%d}))" % (SYMBOL_GRAM_LENGTH - 1))
_VARIATION_SELECTORS = re.compile("[\ufe0e\ufe0f]")
_CLOSING = re.compile(r"[?!.]+\s*$")
_LIST_SEPARATORS = (re.compile(r"\sили(?=\s)", re.IGNORECASE), re.compile(r"\sи(?=\s)", re.IGNORECASE), re.compile(","))


def clean(text: str) -> str:
    """Drop what neither PostgreSQL nor UTF-8 can hold: NUL and lone surrogates."""
    return text.encode("utf-8", "ignore").decode("utf-8").replace("\x00", "")


def one_line(text: str) -> str:
    """Put the text on one line: every run of white space becomes one blank."""
    return " ".join(text.split())


def normalize(text: str) -> str:
    """Bring the text to the form in which keys and names are compared.

    Case does not count, ё is е, runs of white space are one blank, the ends are trimmed; neither does it matter how
    a keyboard composes й or whether it asks for a colourful heart (variation selectors).
    """
    text = _VARIATION_SELECTORS.sub("", clean(text))
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    return one_line(text.replace("ё", "е"))


def words(text: str) -> list[str]:
    """List the normalised words: a word is a run of letters and digits."""
    return _WORD.findall(normalize(text))


def stands_in(key: str, text: str) -> bool:
    """Tell whether the key occurs in the text as whole words, both normalised.

    An end of the key that is a letter or digit must not touch another one; an end that is a sign may touch anything.
    """
    start = text.find(key) if key else -1
    while start >= 0:
        end = start + len(key)
        if not (_is_joined(text, start) or _is_joined(text, end)):
            return True
        start = text.find(key, start + 1)
    return False


def _is_joined(text: str, index: int) -> bool:
    """Tell whether there is no word boundary between the characters on both sides of the index."""
    return 0 < index < len(text) and text[index - 1].isalnum() and text[index].isalnum()


def gram_size(key: str) -> int:
    """Tell how many words the gram of a key has: as many of GRAM_SIZES as the key has words for, 0 if it has none."""
    count = len(words(key))
    return next(size for size in GRAM_SIZES if size <= count)


def gram_key(key: str) -> str:
    """Name the gram under which a key is stored, so that one indexed lookup finds it in any message.

    It is the key's first 8, 4, 2 or 1 words (as many as it has), or, for a key without words, its first three
    signs. Whenever `stands_in(key, text)`, the gram is among `gram_candidates(text)`: no key is too long to be found.
    The reverse does not hold, so hits are checked with `stands_in`. At most GRAM_LENGTH characters.
    """
    size = gram_size(key)
    if size == 0:
        return normalize(key)[:SYMBOL_GRAM_LENGTH].rstrip()
    return " ".join(words(key)[:size])[:GRAM_LENGTH]


def gram_candidates(text: str, sizes: Container[object] = GRAM_SIZES) -> list[str]:
    """List the grams of all keys that could stand in the text and whose `gram_size` is among the sizes, each once.

    At most four for every word and three for every sign: about 30 for an ordinary message, 8,200 for the worst one.
    """
    text = normalize(text)
    text_words = _WORD.findall(text)
    found: dict[str, None] = {}
    for size in GRAM_SIZES:
        if size and size in sizes:
            for start in range(len(text_words) - size + 1):
                found[" ".join(text_words[start : start + size])[:GRAM_LENGTH]] = None
    if 0 in sizes:
        for signs in _SYMBOL_GRAM.findall(text):
            for length in range(1, len(signs) + 1):
                found[signs[:length].rstrip()] = None
    return list(found)


def utf16_length(text: str) -> int:
    """Measure the text as Telegram does, in UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def split_text(text: str, limit: int = TEXT_LIMIT) -> list[str]:
    """Part a text into pieces of at most `limit` UTF-16 units (2 or more), none of them blank.

    It is cut at the last line break that fits, else at a blank, else anywhere but inside a character; white space
    at the cuts is dropped, a text that fits stays as it is.
    """
    if limit < 2:
        raise ValueError("a character may take two units")
    return list(_pieces(clean(text), limit))


def _pieces(text: str, limit: int) -> Iterator[str]:
    while utf16_length(text) > limit:
        text = text.strip()
        end = _fitting(text, limit)
        if end < len(text):
            end = _place_to_cut(text, end)
        if end:
            yield text[:end].rstrip()
        text = text[end:].lstrip()
    if text and not text.isspace():
        yield text


def _fitting(text: str, limit: int) -> int:
    """Count the characters at the start of the text that fit into so many UTF-16 units."""
    units = 0
    for index, character in enumerate(text):
        units += 2 if character > "\uffff" else 1
        if units > limit:
            return index
    return len(text)


def _place_to_cut(text: str, end: int) -> int:
    """Find the best place to cut a text that begins with no white space, at `end` or before."""
    line = text.rfind("\n", 0, end + 1)
    if line > 0:
        return line
    for index in range(end, 0, -1):
        if text[index].isspace():
            return index
    return _character_start(text, end) or end


def _character_start(text: str, index: int) -> int:
    """Find where the character (as a reader sees it) that holds the given index begins."""
    start = 0
    for cluster in regex.finditer(r"\X", text[: index + 1]):
        start = cluster.start()
    return start


def cut(text: str, limit: int) -> str:
    """Keep at most the first `limit` characters; an ellipsis tells that there was more."""
    if len(text) <= limit:
        return text
    return text[: _character_start(text, limit)].rstrip() + "…"


def split_list(text: str) -> list[str]:
    """Part a list by « или », else by « и », else by commas; items are trimmed, empty ones drop out."""
    for separator in _LIST_SEPARATORS:
        if separator.search(text):
            return [item for item in map(str.strip, separator.split(text)) if item]
    return [text.strip()] if text.strip() else []


def drop_closing(text: str) -> str:
    """Drop the question mark, exclamation mark or full stop (or a run of them) that closes the text."""
    return _CLOSING.sub("", text).rstrip()


def plural(number: int, one: str, few: str, many: str) -> str:
    """Choose the form of a Russian noun that goes with the number: 1 раз, 2 раза, 5 раз."""
    last_two = abs(number) % 100
    last = last_two % 10
    if last == 1 and last_two != 11:
        return one
    if 2 <= last <= 4 and not 12 <= last_two <= 14:
        return few
    return many
