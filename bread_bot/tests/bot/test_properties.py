"""What holds for any text at all."""

from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bread_bot.bot.address import Address
from bread_bot.bot.answers import Answer
from bread_bot.bot.command import CommandTable
from bread_bot.bot.errors import CommandError, MalformedUpdate
from bread_bot.bot.schemas.update import read_update
from bread_bot.bot.telegram import CAPTION_LIMIT, TEXT_LIMIT, Destination, sendings
from bread_bot.main import apps
from bread_bot.utils.text import utf16_length

TABLE: CommandTable = apps.commands()
ADDRESS = Address(["Хлеб", "хлебушек", "bread_bot"], "bread_test_bot")
ALIASES = sorted({alias for one in TABLE.commands for alias in one.aliases})

any_text = st.text(max_size=200)
calls = st.tuples(
    st.sampled_from(["Хлеб", "хлебушек,", "@bread_test_bot", "/"]), st.sampled_from([*ALIASES, ""]), any_text
).map(" ".join)


@given(st.one_of(any_text, calls))
@settings(max_examples=500, deadline=None)
def test_the_parser_never_raises(said: str) -> None:
    """Any text is read; words that a command can't take are refused, and nothing else happens."""
    rest = ADDRESS.called(said)
    ADDRESS.slash(said)
    found = TABLE.find(rest if rest is not None else said)
    if found is not None:
        one, alias, argument = found
        assert alias in {name.lower().replace("ё", "е") for name in one.aliases}
        try:
            one.signature.read(argument)
        except CommandError as error:
            assert str(error)


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_body_is_read_or_refused(body: bytes) -> None:
    """The webhook's reader knows two ends."""
    try:
        read_update(body)
    except MalformedUpdate as error:
        assert str(error)


long_texts = st.lists(st.sampled_from(["слово", "🍞", " ", "\n", "е\u0301", "👩‍👩‍👧", "x" * 50]), max_size=400).map(
    "".join
)


@given(long_texts, st.sampled_from(["text", "photo", "voice", "document"]))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_answers_fit_telegram(said: str, kind: str) -> None:
    """However long: every part is within the limits, none is blank, and together they say it all."""
    answer = Answer(said) if kind == "text" else Answer("file", kind, said)
    parts = [one.payload.get("text", one.payload.get("caption", "")) for one in sendings(answer, Destination(1))]
    limits = [TEXT_LIMIT if kind == "text" or number else CAPTION_LIMIT for number in range(len(parts))]
    assert all(utf16_length(part) <= limit for part, limit in zip(parts, limits, strict=True))
    assert all(part.strip() for part in parts if kind == "text")
    assert "".join("".join(parts).split()) == "".join(said.split())


def test_the_tests_know_the_app(application: FastAPI) -> None:
    """The table of these tests is that of the app."""
    assert {one.place for one in TABLE.commands} == {one.place for one in application.state.commands.commands}
