"""Nonsense (BEHAVIOUR, section 6), and quotes and jokes (section 5)."""

from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from bread_bot.main.database.base import async_session
from bread_bot.nonsense.handlers import learning
from bread_bot.nonsense.models import Transition
from bread_bot.sources.source import ADVICE, ENGLISH_INSULTS, INSULTS, JOKES, QUOTES, SOURCES
from bread_bot.tests.talk import Talk
from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.updates import people


@pytest.fixture(autouse=True)
def closed_breakers() -> Iterator[None]:
    """Services that nobody has tried yet."""
    for source in SOURCES:
        source.breaker.succeed()
    yield


async def test_the_dictionary(talk: Talk) -> None:
    """Added, shown, deleted; each word once."""
    assert "пуст" in str(await talk.say("Хлеб покажи бред"))
    assert "на 3 слова" in str(await talk.say("Хлеб добавь бред булка, Печь, румяный"))
    assert "на 1 слово" in str(await talk.say("Хлеб добавь бред печь, батон"))
    assert "уже есть" in str(await talk.say("Хлеб добавь бред БУЛКА"))
    assert await talk.say("Хлеб покажи бред") == "Печь, батон, булка, румяный"
    assert "Печь" in str(await talk.say("Хлеб удали бред печь, сырник"))
    assert "не было" in str(await talk.say("Хлеб удали бред печь"))
    assert "Например" in str(await talk.say("Хлеб добавь бред"))
    assert "роман" in str(await talk.say("Хлеб добавь бред " + "ы" * 200))


async def test_nonsense(talk: Talk) -> None:
    """Some words of the replied message are replaced, in its form; the answer replies to that message."""
    message = updates.message("Вчера я видел большую СОБАКУ!", chat=talk.chat, sender=people.boris)
    assert "Пополни" in str(await talk.say("Хлеб бред", reply_to=message))
    await talk.say("Хлеб добавь бред булка")
    (answer,) = await talk.hear("Хлеб бред 10", reply_to=message)
    assert answer.text == "Вчера я видел большую БУЛКУ!"
    assert answer.reply_to == message["message"]["message_id"]
    caption = updates.message(chat=talk.chat, photo=True, caption="Моя кошка")
    assert await talk.say("Хлеб давай", reply_to=caption) == "Моя булка"
    assert "ни слова" in str(await talk.say("Хлеб бред", reply_to=updates.message(chat=talk.chat, sticker=True)))
    for wrong in ("0", "-1", "1000"):
        assert "от 1 до" in str(await talk.say(f"Хлеб бред {wrong}", reply_to=message))
    assert "целое" in str(await talk.say("Хлеб бред сильно", reply_to=message))


async def test_automatic_nonsense(talk: Talk) -> None:
    """By chance, off by default."""
    await talk.say("Хлеб добавь бред булка")
    assert await talk.say("вижу собаку") is None
    await talk.say("Хлеб процент бреда 100")
    assert await talk.say("вижу собаку") == "вижу булку"
    assert await talk.say("ок") is None
    assert "100%" in str(await talk.say("Хлеб процент бреда"))


async def test_forms_of_words(talk: Talk) -> None:
    """The forms of a word, and their tags."""
    assert "хлебом" in str(await talk.say("Хлеб морф хлеб")).split(", ")
    assert "хлебом: СУЩ" in str(await talk.say("Хлеб морф дебаг хлеб"))
    assert "русское" in str(await talk.say("Хлеб морф bread"))


async def test_learning(talk: Talk) -> None:
    """Only what was said while it was switched on; forgotten when somebody says so."""
    await talk.say("секретный разговор")
    assert "наслушался" in str(await talk.say("Хлеб бред"))
    await talk.say("Хлеб учись")
    await talk.say("мама мыла раму", sender=people.boris)
    assert await talk.say("Хлеб бред") == "Мама мыла раму."
    await talk.say("Хлеб забудь меня", sender=people.boris)
    await talk.say("папа мыл раму", sender=people.boris)
    assert "наслушался" in str(await talk.say("Хлеб бред"))
    await talk.say("дети едят кашу")
    assert "подслушиваю" in str(await talk.say("Хлеб учись"))
    await talk.say("ещё один секрет")
    assert await talk.say("Хлеб бред") == "Дети едят кашу."


async def test_learning_is_bounded(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chat keeps the most frequent transitions."""
    monkeypatch.setattr(learning, "MOST_TRANSITIONS", 10)
    monkeypatch.setattr(learning, "_TRIM_CHANCE", 1.0)
    await talk.say("Хлеб учись")
    for number in range(10):
        await talk.say(f"слово{number} за словом{number} летит")
    async with async_session() as session:
        assert await session.scalar(select(func.count()).select_from(Transition)) == 10


async def test_sources_without_a_network(talk: Talk) -> None:
    """The services are down: our own collections answer."""
    for command, source in (("цитата", QUOTES), ("цит", QUOTES), ("анекдот", JOKES), ("шутка", JOKES), ("анек", JOKES)):
        answer = str(await talk.say(f"Хлеб {command}"))
        assert answer in {str(finding) for finding in source.collection.findings}, command
        assert "©" in answer
    assert await talk.say("Хлеб совет") in {one.text for one in ADVICE.collection.findings}
    assert await talk.say("Хлеб insult") in {one.text for one in ENGLISH_INSULTS.collection.findings}
    theirs = updates.message("я", chat=talk.chat, sender=people.boris)
    assert str(await talk.say("Хлеб insult", reply_to=theirs)).startswith("@boris ")
    nameless = updates.message("я", chat=talk.chat, sender=people.vera)
    assert str(await talk.say("Хлеб insult", reply_to=nameless)).startswith("Вера Павловна")


async def test_insults(talk: Talk) -> None:
    """Taught ones, else mild ones; in reply they name the author."""
    assert await talk.say("Хлеб оскорби") in {one.text for one in INSULTS.findings}
    await talk.say("Хлеб добавь оскорбление сухарь")
    assert await talk.say("Хлеб оскорби") == "сухарь"
    reply = updates.message("я", chat=talk.chat, sender=people.vera)
    answer = str(await talk.say("Хлеб оскорби", reply_to=reply))
    assert "Вера Павловна" in answer and "сухарь" in answer
    await talk.say("Хлеб удали оскорбление сухарь")
    assert str(await talk.say("Хлеб оскорби Васю")).startswith("Васю")


async def test_a_slow_source_keeps_nobody_waiting(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a service hangs, the chat is answered; the command ends with our own collection."""
    import asyncio

    asked, go_on = asyncio.Event(), asyncio.Event()

    async def hang(_: object, __: object) -> object:
        asked.set()
        await go_on.wait()
        return QUOTES.collection.findings[0]

    monkeypatch.setattr(type(QUOTES), "draw", hang)
    await talk.say("Хлеб добавь триггер эй=ой")
    before = len(talk.bot_api.sent)
    assert (await talk.client.post("/", json=updates.message("Хлеб цитата", chat=talk.chat))).status_code == 200
    await asked.wait()
    assert (await talk.client.post("/", json=updates.message("эй", chat=talk.chat))).status_code == 200
    await talk.bot_api.wait_for(before + 1)
    assert talk.bot_api.sent[-1].text == "ой"
    go_on.set()
    await talk.settle()
    assert talk.bot_api.sent[-1].text == str(QUOTES.collection.findings[0])
