"""Random updates are correct ones, of every kind, odd enough, and the same for the same seed."""

import json
from itertools import chain
from typing import Any

from bread_bot.tests.telegram.generate import MAX_ID, encoded, random_updates
from bread_bot.tests.telegram.schema import Json, api, check_object, utf16_units

SAMPLE: list[Json] = list(random_updates(seed=1, count=3000))


def walk(value: Any) -> list[Any]:
    """A value and all values in it."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value, *chain.from_iterable(walk(one) for one in inner)]


def test_each_is_what_telegram_may_send() -> None:
    assert [problem for update in SAMPLE for problem in check_object("Update", update)] == []


def test_every_kind_and_every_field_of_a_message_is_met() -> None:
    assert {kind for update in SAMPLE for kind in update} == set(api().types["Update"].fields)
    messages = [update[kind] for update in SAMPLE for kind in update if "message" in kind or "post" in kind]
    assert set().union(*messages) >= set(api().types["Message"].fields)


def test_the_same_seed_makes_the_same() -> None:
    assert list(random_updates(seed=5, count=50)) == list(random_updates(seed=5, count=50))
    assert list(random_updates(seed=5, count=50)) != list(random_updates(seed=6, count=50))


def test_update_ids_are_unique_over_seeds() -> None:
    ids = {update["update_id"] for seed in range(3) for update in random_updates(seed, 500)}
    assert len(ids) == 1500


def test_kinds_may_be_chosen() -> None:
    kinds = ["message", "chat_member"]
    assert [set(one) - {"update_id"} for one in random_updates(1, 4, kinds)] == [{kinds[0]}, {kinds[1]}] * 2


def test_odd_things_are_among_them() -> None:
    values = [value for update in SAMPLE for value in walk(update)]
    texts = [value for value in values if isinstance(value, str)]
    assert any("\0" in text for text in texts)
    assert any("\ud800" <= letter <= "\udfff" for text in texts for letter in text)
    assert any("\u202e" in text for text in texts)
    assert any(len(text) > 4096 for text in texts)
    numbers = [value for value in values if isinstance(value, int)]
    assert max(abs(number) for number in numbers if number < 1 << 60) > 1 << 50
    assert all(abs(update["update_id"]) <= MAX_ID for update in SAMPLE)


def test_entities_stand_within_their_text() -> None:
    found = 0
    for value in (value for update in SAMPLE for value in walk(update)):
        if isinstance(value, dict) and value.get("entities") and isinstance(value.get("text"), str):
            for entity in value["entities"]:
                found += 1
                assert 0 <= entity["offset"] < entity["offset"] + entity["length"] <= utf16_units(value["text"])
                assert ("user" in entity) == (entity["type"] == "text_mention")
    assert found > 10


def test_they_travel_as_plain_ascii() -> None:
    for update in SAMPLE[:200]:
        assert json.loads(encoded(update).decode("ascii")) == update
