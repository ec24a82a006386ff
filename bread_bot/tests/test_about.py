"""Every dialogue of About.md is what the bot really says."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from bread_bot.main.settings import BASE_DIR
from bread_bot.tests.talk import Talk
from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.fake import Sent

SPEAKERS = {name: updates.person(name) for name in ("Аня", "Боря", "Вика")}
KINDS = {"[голосовое]": "voice", "[картинка]": "photo", "[кубик]": "dice"}
BOT = "Хлеб"


def dialogues() -> Iterator[list[tuple[str, str]]]:
    """The dialogues: who says what, line by line."""
    about = (BASE_DIR / "About.md").read_text("utf-8")
    for block in re.findall(r"```\n(.*?)```", about, re.DOTALL):
        yield [_line(line) for line in block.strip().splitlines()]


def _line(line: str) -> tuple[str, str]:
    if line == f"{BOT} молчит":
        return BOT, ""
    who, _, what = line.partition(": ")
    return who, what


def _shape(text: str) -> re.Pattern[str]:
    """What an answer looks like: the new parts may be anything."""
    parts = re.split("‹[^›]*›", text)
    return re.compile(".+".join(re.escape(part) for part in parts), re.DOTALL)


@pytest.mark.parametrize("dialogue", list(dialogues()))
async def test_dialogue(talk: Talk, dialogue: list[tuple[str, str]]) -> None:
    """The bot answers as it is written there."""
    for person in SPEAKERS.values():
        await talk.say("всем доброго дня", sender=person)
    answers: list[Sent] = []
    for who, what in dialogue:
        if who == BOT:
            said = [" ".join((one.text or "").split()) if one.kind == "text" else one.kind for one in answers]
            expected = KINDS.get(what, what)
            assert (expected == "") == (not said), f"{what!r} is not {said}"
            assert not said or _shape(expected).fullmatch(" ".join(said)), f"{what!r} is not {said}"
            continue
        name, _, in_reply = who.partition(", ")
        options: dict[str, Any] = {"sender": SPEAKERS[name]}
        if in_reply:
            last = answers[-1].message if answers else talk.last["message"]
            options["reply_to"] = last
        if what in KINDS:
            answers = list(await talk.hear(None, **options, **{KINDS[what]: True}))
        else:
            answers = list(await talk.hear(what, **options))
