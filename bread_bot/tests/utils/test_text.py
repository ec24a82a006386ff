import re
import unicodedata

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from bread_bot.utils.text import (
    GRAM_LENGTH,
    clean,
    cut,
    drop_closing,
    gram_candidates,
    gram_key,
    gram_size,
    normalize,
    one_line,
    plural,
    split_list,
    split_text,
    stands_in,
    utf16_length,
    words,
)

FAMILY = "👨‍👩‍👧"
FLAG = "🇷🇺"

# Few characters, so that keys and texts have much in common.
CHATTER = st.text(alphabet="аб1Ё.?+_- \n🍞❤\ufe0f\u0301", max_size=30)
ANYTHING = st.text(alphabet=st.characters(), max_size=40)


def test_clean_drops_only_what_cannot_be_stored() -> None:
    assert clean("а\x00б\ud800в 🍞\n\t") == "абв 🍞\n\t"


def test_one_line() -> None:
    assert one_line("  раз\n\nдва\tтри ") == "раз два три"


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("  ПрИвЕт,\n\t  Мир ", "привет, мир"),
        ("ЁЖ", "еж"),
        ("е\u0308ж", "еж"),
        ("и\u0306од", "йод"),
        ("Straße", "strasse"),
        ("❤️", "❤"),
        ("👍🏽", "👍🏽"),
        (FAMILY, FAMILY),
        ("?", "?"),
        ("хл\x00еб\udfff", "хлеб"),
        ("\u00a0а\u2003б", "а б"),
        (" \n", ""),
    ],
)
def test_normalize(text: str, normal: str) -> None:
    assert normalize(text) == normal


@given(ANYTHING | CHATTER)
def test_normalize_twice_changes_nothing(text: str) -> None:
    normal = normalize(text)
    assert normalize(normal) == normal
    assert normalize(text.upper()) == normalize(normal.upper())


def test_words() -> None:
    assert words("Ну-ка, c++ и_2 раза: ёлка!") == ["ну", "ка", "c", "и", "2", "раза", "елка"]
    assert words("?! 🍞") == []


@pytest.mark.parametrize(
    ("key", "text", "stands"),
    [
        ("хлеб", "дай хлеб!", True),
        ("хлеб", "хлеб", True),
        ("хлеб", "хлебный", False),
        ("хлеб", "нехлеб хлеб", True),
        ("хлеб", "хлеб_хлеб", True),
        ("хлеб", "хлеб2", False),
        ("белый хлеб", "а вот белый хлеб", True),
        ("белый хлеб", "белый, хлеб", False),
        ("c++", "учу c++", True),
        ("c++", "c+", False),
        ("c++", "abc++", False),
        ("c++", "c++20", True),
        ("а-я", "от а-я до", True),
        ("а-я", "б", False),
        ("ну и ну!", "ну и ну!!!", True),
        ("что?", "что? где?", True),
        ("что?", "что", False),
        ("🍞🍞🍞", "хлеб🍞🍞🍞🍞", True),
        ("🍞🍞🍞", "🍞🍞 🍞", False),
        ("...", "ну...да", True),
        (".*", "что угодно", False),
        ("? !", "где? !", True),
        ("", "что угодно", False),
    ],
)
def test_stands_in(key: str, text: str, stands: bool) -> None:
    assert stands_in(key, text) is stands
    if stands:
        assert gram_key(key) in gram_candidates(text)


@given(CHATTER, CHATTER)
def test_stands_in_agrees_with_a_regular_expression(key: str, text: str) -> None:
    key, text = normalize(key), normalize(text)
    start = r"(?<![^\W_])" if key[:1].isalnum() else ""
    end = r"(?![^\W_])" if key[-1:].isalnum() else ""
    assert stands_in(key, text) == bool(key and re.search(start + re.escape(key) + end, text))


@given(CHATTER, CHATTER, CHATTER)
def test_a_key_that_stands_in_a_text_is_among_its_candidates(key: str, before: str, after: str) -> None:
    for text in (before, before + key + after, f"{before} {key} {after}"):
        if stands_in(normalize(key), normalize(text)):
            assert gram_key(key) in gram_candidates(text, {gram_size(key)})


@given(st.lists(st.sampled_from(["а", "бб", "в-в", "🍞", "!?", "я" * 200]), min_size=1, max_size=40))
def test_keys_of_any_length_are_found(parts: list[str]) -> None:
    key = " ".join(parts)
    assert gram_key(key) in gram_candidates(f"вот, {key}, и всё", {gram_size(key)})
    assert 0 < len(gram_key(key)) <= GRAM_LENGTH


def test_the_number_of_candidates_is_bounded() -> None:
    assert len(gram_candidates("Кто сегодня пойдёт за хлебом в магазин?")) < 40
    assert len(gram_candidates(" ".join(chr(0x4E00 + index) for index in range(2048)))) <= 4 * 2048
    assert len(gram_candidates("".join(chr(0x1F300 + index) for index in range(512)))) <= 3 * 512
    assert gram_candidates("") == []


def test_candidates_of_some_sizes_only() -> None:
    text = "раз, два три"
    assert gram_candidates(text, {1}) == ["раз", "два", "три"]
    assert gram_candidates(text, {2}) == ["раз два", "два три"]
    assert gram_candidates(text, {0}) == [","]
    assert gram_candidates(text, {4, 8}) == gram_candidates(text, ()) == []


def test_utf16_length() -> None:
    assert utf16_length("а🍞б") == 4
    assert utf16_length("\ud800") == 1


def test_a_text_that_fits_stays_as_it_is() -> None:
    assert split_text("  привет \n") == ["  привет \n"]
    assert split_text("🍞" * 2048) == ["🍞" * 2048]
    assert split_text("") == split_text(" \n ") == []


@pytest.mark.parametrize(
    ("text", "limit", "parts"),
    [
        ("один два\nтри четыре", 14, ["один два", "три четыре"]),
        ("один два три", 9, ["один два", "три"]),
        ("один два три", 8, ["один два", "три"]),
        ("один\n\n\nдва", 6, ["один", "два"]),
        ("абвгдежз", 3, ["абв", "где", "жз"]),
        ("🍞🍞🍞", 3, ["🍞", "🍞", "🍞"]),
        ("а" + FAMILY + "б", 8, ["а", FAMILY, "б"]),
        ("а" + FLAG * 2, 6, ["а" + FLAG, FLAG]),
        ("е\u0301" * 3, 3, ["е\u0301"] * 3),
        ("\n" * 10 + "а" * 5, 4, ["аааа", "а"]),
        ("а" + " " * 20, 4, ["а"]),
        (FAMILY, 3, ["👨\u200d", "👩\u200d", "👧"]),
    ],
)
def test_split_text(text: str, limit: int, parts: list[str]) -> None:
    assert split_text(text, limit) == parts


@given(st.text(alphabet="аб \n🍞" + FAMILY + FLAG + "\u0301", max_size=80), st.integers(2, 30))
def test_split_text_loses_nothing_but_white_space(text: str, limit: int) -> None:
    parts = split_text(text, limit)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(part.strip() and utf16_length(part) <= limit for part in parts)


@given(st.lists(st.sampled_from(["а", "🍞", FAMILY, FLAG, "👍🏽", "е\u0301"]), max_size=40))
def test_split_text_never_cuts_a_character(characters: list[str]) -> None:
    parts = split_text("".join(characters), 12)
    assert [cluster for part in parts for cluster in regex.findall(r"\X", part)] == characters


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("чай или кофе", ["чай", "кофе"]),
        ("чай, молоко или кофе и вода", ["чай, молоко", "кофе и вода"]),
        ("чай и кофе", ["чай", "кофе"]),
        ("чай, кофе и вода", ["чай, кофе", "вода"]),
        ("чай,кофе, ,", ["чай", "кофе"]),
        ("Чай ИЛИ Кофе", ["Чай", "Кофе"]),
        ("чай\nили\nкофе", ["чай", "кофе"]),
        ("чай или или кофе", ["чай", "кофе"]),
        ("пилигрим, ириска", ["пилигрим", "ириска"]),
        (" один ", ["один"]),
        ("", []),
        (" , ", []),
    ],
)
def test_split_list(text: str, items: list[str]) -> None:
    assert split_list(text) == items


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("самый умный?", "самый умный"),
        ("самый умный ?! ", "самый умный"),
        ("ну...", "ну"),
        ("кто? он", "кто? он"),
        ("3.14", "3.14"),
        ("?", ""),
        ("без знака", "без знака"),
    ],
)
def test_drop_closing(text: str, rest: str) -> None:
    assert drop_closing(text) == rest


def test_cut() -> None:
    assert cut("привет", 6) == "привет"
    assert cut("привет, мир", 8) == "привет,…"
    assert cut("а" + FAMILY, 3) == "а…"
    assert cut(unicodedata.normalize("NFD", "йй"), 3) == unicodedata.normalize("NFD", "й") + "…"


@pytest.mark.parametrize(
    ("number", "form"),
    [(0, "раз"), (1, "раз"), (2, "раза"), (5, "раз"), (11, "раз"), (12, "раз"), (21, "раз"), (104, "раза")],
)
def test_plural(number: int, form: str) -> None:
    assert plural(number, "раз", "раза", "раз") == form
