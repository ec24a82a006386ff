"""Nonsense (BEHAVIOUR, section 6)."""

import pytest
from sqlalchemy import func, select

from bread_bot.main.database.base import async_session
from bread_bot.nonsense.handlers import learning
from bread_bot.nonsense.models import Transition
from bread_bot.tests.talk import Talk
from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.updates import people


async def test_the_dictionary(talk: Talk) -> None:
    """Added, shown, deleted; each word once."""
    assert "пуст" in str(await talk.say("Хлеб покажи бред"))
    assert "на 3 слова" in str(await talk.say("Хлеб добавь бред булка, Печь, румяный"))
    assert "на 1 слово" in str(await talk.say("Хлеб добавь бред печь, батон"))
    assert "уже есть" in str(await talk.say("Хлеб добавь бред БУЛКА"))
    assert await talk.say("Хлеб покажи бред") == "батон, булка, Печь, румяный"
    assert "Печь" in str(await talk.say("Хлеб удали бред печь, сырник"))
    assert "не было" in str(await talk.say("Хлеб удали бред печь"))
    assert "Например" in str(await talk.say("Хлеб добавь бред"))
    assert "Учили меня за всё время: Анна Каренина — 4" in str(await talk.say("Хлеб стата"))
    assert "роман" in str(await talk.say("Хлеб добавь бред " + "ы" * 200))


async def test_a_large_dictionary(talk: Talk) -> None:
    """Comes as pages with buttons; together they show every word once."""
    words = [f"{letter}{number:03}{'ы' * 40}" for letter in "абв" for number in range(100)]
    for start in range(0, len(words), 100):
        await talk.say("Хлеб добавь бред " + ", ".join(words[start : start + 100]))
    (page,) = await talk.hear("Хлеб покажи бред")
    pages, buttons = [str(page.text)], page.buttons
    while forward := [one for one in buttons if one["text"].startswith("Дальше")]:
        await talk.post(updates.callback_query(forward[0]["callback_data"], message=page.message))
        pages, buttons = [*pages, str(talk.bot_api.edited[-1].text)], talk.bot_api.edited[-1].buttons
    assert len(pages) > 2 and [word for one in pages for word in one.strip(",").split(", ")] == words
    await talk.post(updates.callback_query("nonsense ٣x", message=page.message))
    await talk.post(updates.callback_query("nonsense 999999999999", message=page.message))
    assert talk.bot_api.edited[-1].text == pages[-1]


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
    english = updates.message("hello!", chat=talk.chat, sender=people.boris)
    assert "нечего" in str(await talk.say("Хлеб бред", reply_to=english))
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
    for words in ("морф хлеб", "морф Хлеб?"):
        assert "хлебом" in str(await talk.say(f"Хлеб {words}")).split(", ")
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
