from concurrent.futures import ThreadPoolExecutor

import pytest

from bread_bot.utils.morphology import LONGEST_WORD, key_forms, matching_forms, normal_forms


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("хлеб", "Схожу за хлебом"),
        ("хлеб", "нет хлеба"),
        ("ХЛЕБ", "о хлебе"),
        ("хлебом", "свежий хлеб"),
        ("кот", "коты!"),
        ("коты", "мой кот"),
        ("сталь", "закалка стали"),
        ("стать", "мы стали"),
        ("мыло", "нет мыла"),
        ("мыть", "мама мыла раму"),
        ("пить", "пью чай"),
        ("пил", "хочу пить"),
        ("бежать", "я бегу"),
        ("окно", "пять окон"),
        ("человек", "какие люди"),
        ("люди", "хороший человек"),
        ("ребёнок", "дети спят"),
        ("ёлка", "под елкой"),
        ("елка", "под ёлкой"),
        ("банка", "дай банку"),
        ("белый", "в белом"),
        ("красивая", "красивых"),
        ("ножницы", "ножницами"),
        ("идти", "шёл"),
        ("вася", "васей"),
        ("хлебушек", "хлебушком"),
        ("день", "дня"),
        ("лук", "с луком"),
        ("хлеб", "хлебом-солью"),
    ],
)
def test_a_key_fires_on_its_forms(key: str, message: str) -> None:
    assert key_forms(key) & matching_forms(message)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("хлеб", "хлебный"),
        ("кот", "который"),
        ("банка", "с банком"),
        ("деть", "добрый день"),
        ("сталь", "стану"),
        ("мыть", "моя"),
        ("есть", "он был"),
        ("мне", "я"),
        ("его", "он"),
        ("тот", "о том"),
        ("для", "длить"),
        ("три", "тереть"),
        ("белый хлеб", "белого хлеба"),
        ("c++", "c"),
        ("bread", "bread"),
    ],
)
def test_a_key_fires_on_nothing_absurd(key: str, message: str) -> None:
    assert not key_forms(key) & matching_forms(message)


def test_other_words_are_their_own_normal_form() -> None:
    assert normal_forms("Bread") == {"bread"}
    assert normal_forms("42") == {"42"}
    assert normal_forms("я" * (LONGEST_WORD + 1)) == {"я" * (LONGEST_WORD + 1)}
    assert normal_forms("") == {""}
    assert matching_forms("42 bread ?") == set()


def test_threads_may_ask_at_once() -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(normal_forms, ["хлебами"] * 100))
    assert found == {frozenset({"хлеб"})}
