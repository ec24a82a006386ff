"""Teaching (BEHAVIOUR, section 2)."""

from collections import Counter

import pytest

from bread_bot.main.settings import settings
from bread_bot.tests.talk import Talk
from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.updates import people

MEDIA = ["voice", "photo", "sticker", "animation", "video", "video_note", "audio", "document"]
CAPTIONED = ["voice", "photo", "animation", "video", "audio", "document"]


async def test_teach_a_trigger(talk: Talk) -> None:
    """A trigger fires when the whole message equals its key."""
    assert await talk.say("привет") is None
    assert await talk.say("Хлеб добавь триггер Привет=Медвед")
    assert await talk.say("привет") == "Медвед"
    assert await talk.say("  ПРИВЕТ\n") == "Медвед"
    assert await talk.say("привет!") is None
    assert await talk.say("ну привет") is None


async def test_a_chat_keeps_its_own(talk: Talk) -> None:
    """What is taught in one chat never shows in another."""
    await talk.say("Хлеб добавь триггер Привет=Медвед")
    other = updates.group()
    assert await talk.say("привет", chat=other) is None
    assert "Привет" not in str(await talk.say("Хлеб покажи триггеры", chat=other))


@pytest.mark.parametrize(
    "key", ["?", "🍞", "а.*б", "(", "<b>", "_x_", "a\\", "%", "два  слова", "$1", "'; DROP TABLE taught; --"]
)
async def test_any_key_is_data(talk: Talk, key: str) -> None:
    """Signs of regular expressions, markup and SQL are plain characters."""
    await talk.say(f"Хлеб добавь триггер {key}=да")
    assert await talk.say(key) == "да"
    assert await talk.say("аXXб") is None


@pytest.mark.parametrize(
    ("key", "fits", "not_fits"),
    [
        (
            "хлеб",
            ["хлеб", "вот хлеб!", "за хлебом", "нет хлеба", "ХЛЕБ", "«хлеб»", "хлеб-соль"],
            ["хлебный", "нехлеб", "хле б"],
        ),
        ("доброе утро", ["ну доброе утро всем", "Доброе  утро"], ["доброе", "утро доброе", "доброе утром"]),
        ("c++", ["учу c++ дома", "c++"], ["c", "abc++"]),
        ("что?", ["что?", "ну что? где"], ["что", "почто?"]),
        ("а-я", ["от а-я до"], ["а я"]),
        ("🍞🍞🍞", ["вот🍞🍞🍞🍞"], ["🍞🍞"]),
        ("ёлка", ["елка", "под ёлкой"], ["елочка"]),
    ],
)
async def test_a_substring_stands_as_words(talk: Talk, key: str, fits: list[str], not_fits: list[str]) -> None:
    """The word boundary is where a letter or digit meets anything else; one word fires on its forms, too."""
    await talk.say(f"Хлеб добавь подстроку {key}=тут")
    for text in fits:
        assert await talk.say(text) == "тут", text
    for text in not_fits:
        assert await talk.say(text) is None, text


async def test_refusals(talk: Talk) -> None:
    """A missing or empty key or value is refused with an example, and nothing is taught."""
    for words in (
        "",
        "триггер",
        "триггер ключ",
        "триггер =значение",
        "триггер ключ=",
        "триггер = ",
        "ответ",
        "чепуху а=б",
        "подстроку аб=в",
        "подстроку ключ",
    ):
        answer = str(await talk.say(f"Хлеб добавь {words}"))
        assert "Запомнил" not in answer, words
    assert "Хлеб добавь" in str(await talk.say("Хлеб добавь триггер ключ"))
    for kind in ("триггеры", "подстроки", "ответы", "оскорбления"):
        assert "Пусто" in str(await talk.say(f"Хлеб покажи {kind}"))


@pytest.mark.parametrize(
    "value",
    [
        "a=b=c",
        "первая\n\n  вторая\tстрока",
        "🍞" * 2000,
        "<b>жирно</b> & *звёзды* _подчёрк_ `код` [a](b)",
        "'; --",
        "ё Ё",
        "𝕳𝖑𝖊𝖇",
    ],
)
async def test_a_value_comes_back_as_it_was(talk: Talk, value: str) -> None:
    """Byte for byte the same text."""
    await talk.say(f"Хлеб добавь триггер ключ={value}")
    assert await talk.say("ключ") == value


async def test_a_very_long_value(talk: Talk) -> None:
    """4096 emoji do not fit into one message: they come in parts, none of them broken."""
    await talk.say("🍞" * 2048)
    await talk.say("Хлеб запомни триггер много", reply_to=talk.last)
    await talk.say("Хлеб добавь триггер много слов=" + "слово " * 600)
    assert await talk.say("много") == "🍞" * 2048
    update = updates.message("🍞" * 4096, chat=talk.chat)
    await talk.say("Хлеб запомни триггер ещё", reply_to=update)
    answers = await talk.hear("ещё")
    assert [answer.text for answer in answers] == ["🍞" * 2048] * 2


@pytest.mark.parametrize("kind", MEDIA)
async def test_media(talk: Talk, kind: str) -> None:
    """A medium is sent back as the same kind, with its caption."""
    caption = {"caption": "подпись = <i>да</i>"} if kind in CAPTIONED else {}
    await talk.say(None, **{kind: True}, **caption)
    medium = talk.last["message"][kind]
    file_id = medium[-1]["file_id"] if isinstance(medium, list) else medium["file_id"]
    assert "Запомнил" in str(await talk.say("Хлеб запомни триггер вот", reply_to=talk.last, sender=people.boris))
    (answer,) = await talk.hear("вот")
    assert (answer.kind, answer.call.params[kind]) == (kind, file_id)
    assert answer.call.params.get("caption") == caption.get("caption")


async def test_long_captions(talk: Talk) -> None:
    """What is over 1024 goes out as a text behind the medium."""
    caption = " ".join(["слово"] * 300)
    await talk.say("Хлеб запомни триггер вот", reply_to=updates.message(chat=talk.chat, photo=True, caption=caption))
    answers = await talk.hear("вот")
    assert [answer.kind for answer in answers] == ["photo", "text"]
    assert " ".join(str(answer.text) for answer in answers) == caption


@pytest.mark.parametrize(
    "words", ["запомни", "запомни значение", "запомни как значение", "запомни подстроку", "подстрока"]
)
async def test_remember(talk: Talk, words: str) -> None:
    """The replied message becomes a value of each key of the list."""
    await talk.say("вот так ответ")
    await talk.say(f"Хлеб {words} булка, багет", reply_to=talk.last)
    assert await talk.say("съел булку") == "вот так ответ"
    assert await talk.say("багет") == "вот так ответ"
    await talk.say(f"Хлеб {words} калач или крендель", reply_to=updates.message("другой", chat=talk.chat))
    assert await talk.say("где крендель") == "другой"


@pytest.mark.parametrize("words", ["запомни триггер", "триггер"])
async def test_remember_trigger(talk: Talk, words: str) -> None:
    """The same as a trigger."""
    await talk.say(f"Хлеб {words} булка и багет", reply_to=updates.message("да", chat=talk.chat))
    assert await talk.say("Багет") == "да"
    assert await talk.say("свежий багет") is None


@pytest.mark.parametrize("words", ["запомни как ключ", "запомни ключ"])
async def test_remember_as_key(talk: Talk, words: str) -> None:
    """The replied text is the key, the argument the value."""
    await talk.say(f"Хлеб {words} Ответ, и длинный", reply_to=updates.message("Какой вопрос", chat=talk.chat))
    assert await talk.say("ну и какой вопрос") == "Ответ, и длинный"


async def test_remember_needs_a_reply(talk: Talk) -> None:
    """Without a message to remember there is a hint."""
    for words in (
        "запомни булка",
        "запомни триггер булка",
        "запомни как ключ булка",
        "удали",
        "покажи ключи",
        "почему",
    ):
        assert "Ответь" in str(await talk.say(f"Хлеб {words}")) or "ответь" in str(
            await talk.say(f"Хлеб {words}")
        ), words


async def test_values_are_kept_once_and_drawn_evenly(talk: Talk) -> None:
    """One of several values is drawn at random, each as likely as any other."""
    for value in ("раз", "два", "три", "раз"):
        await talk.say(f"Хлеб добавь триггер счёт={value}")
    assert "знаю" in str(await talk.say("Хлеб добавь триггер СЧЕТ=два"))
    talk.chance(1)
    drawn = Counter([await talk.say("счёт") for _ in range(150)])
    assert set(drawn) == {"раз", "два", "три"}
    assert min(drawn.values()) > 30
    assert await talk.say("Хлеб покажи триггеры") == "счёт = [раз; два; три]"


async def test_several_substrings_are_drawn_evenly(talk: Talk) -> None:
    """Each key that stands in the message has the same chance, however many values it has."""
    for value in ("б1", "б2", "б3"):
        await talk.say(f"Хлеб добавь подстроку булка={value}")
    await talk.say("Хлеб добавь подстроку батон=батон")
    talk.chance(2)
    drawn = Counter([await talk.say("булка и батон") for _ in range(120)])
    assert 35 < drawn["батон"] < 85


async def test_chance(talk: Talk) -> None:
    """`процент N` is how often keys answer; nonsense changes nothing."""
    await talk.say("Хлеб добавь триггер эй=ой")
    assert "100" in str(await talk.say("Хлеб процент"))
    for wrong in ("101", "-1", "много", "5.5", "1e1", "٣", "50 60"):
        assert "0 до 100" in str(await talk.say(f"Хлеб процент {wrong}")), wrong
    assert "100" in str(await talk.say("Хлеб процент срабатывания"))
    await talk.say("Хлеб процент 0")
    assert [await talk.say("эй") for _ in range(20)] == [None] * 20
    await talk.say("Хлеб процент срабатывания 50%")
    talk.chance(3)
    answered = [await talk.say("эй") for _ in range(80)]
    assert 20 < answered.count("ой") < 60
    assert await talk.say("Хлеб проверь эй") == "ой", "the chance is ignored"


async def test_delete(talk: Talk) -> None:
    """A key with all its values, one value, a fallback, or whatever has the replied content."""
    for lesson in ("триггер а=1", "триггер а=2", "подстроку булка=1", "ответ тише", "оскорбление сухарь"):
        await talk.say(f"Хлеб добавь {lesson}")
    assert "не знал" in str(await talk.say("Хлеб удали триггер б"))
    assert "не знал" in str(await talk.say("Хлеб удали подстроку а"))
    assert "не знал" in str(await talk.say("Хлеб удали триггер а=3"))
    assert "«а» — 2" in str(await talk.say("Хлеб удали триггер А=2"))
    assert await talk.say("а") == "1"
    assert "2 " not in str(await talk.say("Хлеб удали", reply_to=updates.message("1", chat=talk.chat)))
    assert await talk.say("а") is None
    assert await talk.say("булка") is None
    assert "тише" in str(await talk.say("Хлеб удали ответ тише"))
    assert "сухарь" in str(await talk.say("Хлеб удали оскорбление сухарь"))
    assert "не знал" in str(await talk.say("Хлеб удали", reply_to=updates.message("1", chat=talk.chat)))


async def test_undo(talk: Talk) -> None:
    """Every change is taken back, step by step."""
    await talk.say("Хлеб добавь триггер а=1")
    await talk.say("Хлеб запомни булка, вафля", reply_to=updates.message("2", chat=talk.chat))
    await talk.say("Хлеб удали триггер а")
    assert "а" in str(await talk.say("Хлеб отмени"))
    assert await talk.say("а") == "1"
    assert "булка" in str(await talk.say("Хлеб верни"))
    assert await talk.say("вафля") is None
    await talk.say("Хлеб отмени")
    assert await talk.say("а") is None
    assert "нечего" in str(await talk.say("Хлеб отмени"))
    for number in range(25):
        await talk.say(f"Хлеб добавь триггер к{number}=1")
    undone = [await talk.say("Хлеб отмени") for _ in range(21)]
    assert [("нечего" in str(answer)) for answer in undone] == [False] * 20 + [True]


async def test_show(talk: Talk, test_settings: pytest.MonkeyPatch) -> None:
    """Sorted lines, texts cut, media named; long lists in pages."""
    test_settings.setattr(settings, "SHOW_STR_LIMIT", 10)
    await talk.say("Хлеб добавь триггер яблоко=зелёное и кислое")
    await talk.say("Хлеб добавь триггер абрикос=да")
    await talk.say("Хлеб запомни триггер абрикос", reply_to=updates.message(chat=talk.chat, voice=True))
    assert await talk.say("Хлеб покажи триггеры") == "абрикос = [да; [голосовое]]\nяблоко = [зелёное и…]"
    await talk.say("Хлеб добавь ответ второй")
    await talk.say("Хлеб добавь ответ первый")
    assert await talk.say("Хлеб покажи ответы") == "второй\nпервый"
    for number in range(45):
        await talk.say(f"Хлеб добавь подстроку ключ{number:02}=да")
    (first,) = await talk.hear("Хлеб покажи подстроки")
    assert "ключ00 = [да]" in str(first.text) and "ключ20" not in str(first.text)
    data = first.buttons[-1]["callback_data"]
    await talk.post(updates.callback_query(data, message=first.message, sender=people.boris))
    assert "ключ20 = [да]" in str(talk.bot_api.edited[-1].text)


async def test_limits(talk: Talk, test_settings: pytest.MonkeyPatch) -> None:
    """A chat can't teach more than MAX_KEYS values, nor a list of more than MAX_LIST keys."""
    test_settings.setattr(settings, "MAX_KEYS", 2)
    test_settings.setattr(settings, "MAX_LIST", 3)
    await talk.say("Хлеб добавь триггер а=1")
    await talk.say("Хлеб добавь триггер б=1")
    assert "больше нет места" in str(await talk.say("Хлеб добавь триггер в=1"))
    assert "не больше 3" in str(
        await talk.say("Хлеб запомни а, б, в, г", reply_to=updates.message("1", chat=talk.chat))
    )
    assert await talk.say("в") is None


async def test_teachers(talk: Talk) -> None:
    """Only an administrator may decide who teaches."""
    talk.bot_api.world.set_member(talk.chat.id, people.anna.json, "creator")
    assert "только" in str(await talk.say("Хлеб учат админы", sender=people.boris))
    assert "админы" in str(await talk.say("Хлеб учат админы"))
    assert "только" in str(await talk.say("Хлеб добавь триггер а=1", sender=people.boris))
    assert "только" in str(await talk.say("Хлеб процент 5", sender=people.boris))
    assert "Запомнил" in str(await talk.say("Хлеб добавь триггер а=1"))
    assert await talk.say("а", sender=people.boris) == "1"
    assert "Теперь" in str(await talk.say("Хлеб учат все"))
    assert "Запомнил" in str(await talk.say("Хлеб добавь триггер б=1", sender=people.boris))


async def test_pause(talk: Talk, app: object) -> None:
    """At least so long between two automatic answers; commands are answered all the same."""
    await talk.say("Хлеб добавь триггер эй=ой")
    await talk.say("Хлеб пауза 3600")
    assert await talk.say("эй") == "ой"
    assert await talk.say("эй") is None
    silent = talk.last
    assert "паузу" in str(await talk.say("Хлеб почему", reply_to=silent))
    assert "3600" in str(await talk.say("Хлеб пауза"))
    await talk.say("Хлеб пауза 0")
    assert await talk.say("эй") == "ой"


async def test_why(talk: Talk) -> None:
    """Which key fired, by which rule, who taught it; or why the bot kept silent."""
    await talk.say("Хлеб добавь подстроку хлеб=Кто звал?", sender=people.vera)
    (answer,) = await talk.hear("купи хлеба")
    why = str(await talk.say("Хлеб почему", reply_to=answer.message))
    assert "«хлеб»" in why and "форма" in why and "Вера Павловна" in why
    (answer,) = await talk.hear("хлеб!")
    assert "слова" in str(await talk.say("Хлеб откуда", reply_to=answer.message))
    (answer,) = await talk.hear("Хлеб монетка")
    assert "монетка" in str(await talk.say("Хлеб почему", reply_to=answer.message))
    await talk.say("ничего такого")
    assert "ни один ключ" in str(await talk.say("Хлеб почему", reply_to=talk.last))
    await talk.say("Хлеб процент 0")
    await talk.say("дай хлеба")
    assert "жребий" in str(await talk.say("Хлеб почему", reply_to=talk.last))


async def test_propagate(talk: Talk) -> None:
    """A private pack is added to a group, only where the sender is a member now."""
    bakery = updates.group("Пекарня")
    await talk.say("всем привет", chat=bakery)
    await talk.say("Хлеб добавь триггер а=из группы", chat=bakery)
    talk.chat = people.anna.private
    await talk.say("Хлеб добавь триггер а=из лички")
    await talk.say("Хлеб добавь подстроку булка=из лички")
    talk.bot_api.world.set_member(bakery.id, people.anna.json, "left")
    assert "нет" in str(await talk.say("Хлеб распространи в пекарня"))
    talk.bot_api.world.set_member(bakery.id, people.anna.json, "member")
    assert "не знаю" in str(await talk.say("Хлеб распространи в Булочная"))
    assert "2 значения" in str(await talk.say("Хлеб распространи в ПЕКАРНЯ"))
    assert "2 там уже" in str(await talk.say("Хлеб распространи в Пекарня"))
    assert await talk.say("свежая булка", chat=bakery) == "из лички"
    assert {await talk.say("а", chat=bakery) for _ in range(40)} == {"из группы", "из лички"}
    assert "личной" in str(await talk.say("Хлеб распространи в Пекарня", chat=bakery))
    twin = updates.group("Пекарня")
    await talk.say("и тут привет", chat=twin)
    talk.bot_api.world.set_member(twin.id, people.anna.json, "member")
    which = str(await talk.say("Хлеб распространи в Пекарня"))
    assert str(bakery.id) in which and str(twin.id) in which
    assert "2 значения" in str(await talk.say(f"Хлеб распространи в {twin.id}"))
    assert "Ушло" in str(await talk.say("Хлеб отмени", chat=twin))
    assert await talk.say("а", chat=twin) is None


async def test_show_keys(talk: Talk) -> None:
    """Which keys lead to a message."""
    sticker = updates.message(chat=talk.chat, sticker=True)
    await talk.say("Хлеб запомни триггер раз, два", reply_to=sticker)
    assert await talk.say("Хлеб покажи ключи", reply_to=sticker) == "триггер два\nтриггер раз"
    assert "не ведёт" in str(await talk.say("Хлеб show keys", reply_to=updates.message("x", chat=talk.chat)))


async def test_remembered_values_are_trimmed(talk: Talk) -> None:
    """Keys and values are trimmed at both ends, however they were taught."""
    padded = updates.message(" \n Так \n точно ", chat=talk.chat)
    await talk.say("Хлеб запомни триггер ау", reply_to=padded)
    assert await talk.say("ау") == "Так \n точно"
    assert await talk.say("Хлеб покажи ключи", reply_to=padded) == "триггер ау"
