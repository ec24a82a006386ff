"""Quotes, jokes, advice and insults (BEHAVIOUR, section 5): whatever the services do, the chat gets its answer."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bread_bot.main.settings import settings
from bread_bot.sources.source import ADVICE, ENGLISH_INSULTS, INSULTS, JOKES, QUOTES, Source
from bread_bot.tests.sources.conftest import Elsewhere
from bread_bot.tests.talk import Talk
from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.updates import people
from bread_bot.utils.base_client import close_pool, open_pool

COMMANDS = [
    ("цитата", QUOTES),
    ("цит", QUOTES),
    ("анекдот", JOKES),
    ("шутка", JOKES),
    ("анек", JOKES),
    ("совет", ADVICE),
    ("insult", ENGLISH_INSULTS),
]


class Held(Response):
    """An answer that comes when the test lets it."""

    def __init__(self, content: str) -> None:
        super().__init__(content, media_type="application/json")
        self.may_come = asyncio.Event()
        self.asked = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.set()
        await self.may_come.wait()
        await super().__call__(scope, receive, send)


@pytest.fixture
async def service(talk: Talk, elsewhere: Elsewhere) -> AsyncIterator[Elsewhere]:
    """The services, beside Telegram."""
    await talk.bot_api.wait_for_call("setMyCommands")
    await close_pool()
    open_pool(transport=talk.bot_api.transport(httpx.ASGITransport(elsewhere)))
    yield elsewhere


def own(source: Source) -> set[str]:
    """What our own collection may say."""
    shows_credit = source in (QUOTES, JOKES)
    return {str(one) if shows_credit else one.text for one in source.collection.findings}


@pytest.mark.parametrize(
    ("command", "body", "answer"),
    [
        ("цитата", '{"quoteText": "Хлеб &amp; соль ", "quoteAuthor": "Пекарь"}', "Хлеб & соль\n\n© Пекарь"),
        ("анекдот", "<article><h2>Анек #1</h2><p>Зашёл хлеб<br>в бар.</p></article>", "Зашёл хлеб\nв бар."),
        ("совет", '{"text": "Пеки&nbsp;хлеб!"}', "Пеки хлеб!"),
        ("insult", '{"insult": "You are &quot;toast&quot;."}', 'You are "toast".'),
    ],
)
async def test_from_elsewhere(talk: Talk, service: Elsewhere, command: str, body: str, answer: str) -> None:
    """What the service says, without a trace of HTML, and to whom it is due."""
    service.answers_with(body, media_type="text/html" if "<" in body else "application/json")
    expected = f"{answer}\n\n© baneks.ru" if command == "анекдот" else answer
    assert await talk.say(f"Хлеб {command}") == expected


@pytest.mark.parametrize(("command", "source"), COMMANDS)
async def test_services_that_are_down(talk: Talk, service: Elsewhere, command: str, source: Source) -> None:
    """Our own collection answers."""
    service.answers_with(Response("Нет", status_code=503))
    assert await talk.say(f"Хлеб {command}") in own(source)


@pytest.mark.parametrize(
    "answer",
    [
        Response(""),
        Response("{", media_type="application/json"),
        Response('{"quoteText": "", "text": null, "insult": 7}', media_type="application/json"),
        Response("<html><body>Войдите</body></html>", media_type="text/html"),
        Response('{"quoteText": "%s"}' % ("хлеб " * 50_000), media_type="application/json"),
        Response(b"\xff\xfe\x00", media_type="application/json"),
        Response(b"\x89PNG", media_type="image/png"),
        Response("", status_code=302, headers={"location": "http://elsewhere.test/again"}),
    ],
    ids=["empty", "half", "not texts", "a page", "huge", "no UTF-8", "a picture", "a loop"],
)
@pytest.mark.parametrize(("command", "source"), [("цитата", QUOTES), ("совет", ADVICE), ("insult", ENGLISH_INSULTS)])
async def test_nonsense_from_elsewhere(
    talk: Talk, service: Elsewhere, command: str, source: Source, answer: Response
) -> None:
    """Is never told."""
    service.answers_with(answer)
    assert await talk.say(f"Хлеб {command}") in own(source)


async def test_a_service_that_never_answers(talk: Talk, service: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is waited for no longer than SOURCE_TIMEOUT."""
    monkeypatch.setattr(settings, "SOURCE_TIMEOUT", 0.01)
    for command, source in COMMANDS:
        assert await talk.say(f"Хлеб {command}") in own(source)
    assert service.requests


async def test_a_slow_service_keeps_nobody_waiting(talk: Talk, service: Elsewhere) -> None:
    """While it takes its time, the chat is answered."""
    await talk.say("Хлеб добавь триггер эй=ой")
    slow = Held('{"quoteText": "Поспешишь — подгоришь", "quoteAuthor": "Пекарь"}')
    service.answers_with(slow)
    before = len(talk.bot_api.sent)
    assert (await talk.client.post("/", json=updates.message("Хлеб цитата", chat=talk.chat))).status_code == 200
    await slow.asked.wait()
    assert (await talk.client.post("/", json=updates.message("эй", chat=talk.chat))).status_code == 200
    await talk.bot_api.wait_for(before + 1)
    slow.may_come.set()
    await talk.settle()
    assert [one.text for one in talk.bot_api.sent[before:]] == ["ой", "Поспешишь — подгоришь\n\n© Пекарь"]


async def test_whom_an_english_insult_is_for(talk: Talk, service: Elsewhere) -> None:
    """In reply: the author first, by @username or name; a chat by its title."""
    service.answers_with('{"insult": "You are toast."}')
    for update, said in (
        (updates.message("я", chat=talk.chat, sender=people.boris), "@boris You are toast."),
        (updates.message("я", chat=talk.chat, sender=people.vera), "Вера Павловна! You are toast."),
        (updates.as_anonymous_admin("я", chat=talk.chat), f"{talk.chat.title}! You are toast."),
        (updates.as_channel("я", chat=talk.chat), "Канал! You are toast."),
    ):
        assert await talk.say("Хлеб insult", reply_to=update) == said


async def test_insults(talk: Talk) -> None:
    """Taught ones, else mild ones of our own; in reply they name the author."""
    assert await talk.say("Хлеб оскорби") in {one.text for one in INSULTS.findings}
    await talk.say("Хлеб добавь оскорбление сухарь")
    assert await talk.say("Хлеб оскорби") == "сухарь"
    assert await talk.say("Хлеб оскорби Васю!") == "Васю? Запросто: сухарь"
    for update, name in (
        (updates.message("я", chat=talk.chat, sender=people.vera), "Вера Павловна"),
        (updates.message("я", chat=talk.chat, sender=people.boris), "Борис"),
        (updates.as_anonymous_admin("я", chat=talk.chat), talk.chat.title),
        (updates.as_channel("я", chat=talk.chat), "Канал"),
    ):
        assert await talk.say("Хлеб оскорби", reply_to=update) == f"{name}! сухарь"
    await talk.say("Хлеб удали оскорбление сухарь")
    assert str(await talk.say("Хлеб оскорби Васю")).partition(": ")[2] in {one.text for one in INSULTS.findings}
