"""When a message speaks to the bot (BEHAVIOUR, section 1)."""

import pytest

from bread_bot.main.settings import settings
from bread_bot.packs.handlers import reactions
from bread_bot.tests.talk import Talk
from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.updates import chats, people

FALLBACKS = [one.format(name="Хлеб") for one in reactions.FALLBACKS]

ECHO = "эхо"


@pytest.mark.parametrize(
    "call",
    [
        "Хлеб скажи эхо",
        "хлеб скажи эхо",
        "ХЛЕБ, скажи эхо",
        "  Хлеб скажи эхо",
        "\nХлеб\nскажи эхо",
        "Хлеб: скажи эхо",
        "Хлеб; скажи эхо",
        "Хлеб! скажи эхо",
        "Хлеб? скажи эхо",
        "Хлеб. скажи эхо",
        "Хлеб - скажи эхо",
        "Хлеб— скажи эхо",
        "хлебушек скажи эхо",
        "bread_bot say эхо",
        "Bread_Bot, СКАЖИ эхо",
        "@bread_test_bot скажи эхо",
        "/say эхо",
        "/say@bread_test_bot эхо",
        "/SAY эхо",
    ],
)
async def test_a_call(talk: Talk, call: str) -> None:
    """A name, a sign or white space, an alias: the bot does it."""
    assert await talk.say(call) == ECHO


@pytest.mark.parametrize(
    "text",
    [
        "Хлебный суп",
        "Хлебскажи эхо",
        "мой Хлеб скажи эхо",
        "скажи эхо",
        "/say@other_bot эхо",
        "/unknown",
        "@other_bot скажи эхо",
        "_Хлеб скажи эхо",
    ],
)
async def test_no_call(talk: Talk, text: str) -> None:
    """Whatever else begins alike is none of the bot's business."""
    assert await talk.say(text) is None


async def test_e_and_yo_are_equal(talk: Talk, test_settings: pytest.MonkeyPatch) -> None:
    """The letter ё is е in names, aliases and keys."""
    test_settings.setattr(settings, "BOT_NAME", "Ёжик")
    talk.dispatcher.introduce(talk.dispatcher.bot)
    assert await talk.say("ежик скажи эхо") == ECHO
    assert await talk.say("ЁЖИК скажи эхо") == ECHO
    assert await talk.say("Ежик чье это?") is not None
    assert await talk.say("Ёжик добавь триггер елка=ёлка")
    assert await talk.say("Ёлка") == "ёлка"


async def test_a_caption_calls_too(talk: Talk) -> None:
    """A caption counts as the text of its medium."""
    assert await talk.say(photo=True, caption="Хлеб скажи эхо") == ECHO


async def test_the_longest_alias_wins(talk: Talk) -> None:
    """`процент бреда` is not `процент`, and `топор` is not `топ`."""
    assert "бред" in str(await talk.say("Хлеб процент бреда"))
    assert "триггеры" in str(await talk.say("Хлеб процент"))
    assert await talk.say("Хлеб топор") in FALLBACKS
    assert await talk.say("Хлеб   покажи \n ключи") is not None


@pytest.mark.parametrize("sign", ["!", "?", " ?", "...", "?!"])
async def test_a_sign_may_close_a_command_without_words(talk: Talk, sign: str) -> None:
    """«Хлеб монетка!» throws the coin, and «Хлеб процент?» asks for the number."""
    assert str(await talk.say(f"Хлеб монетка{sign}")) in {"Орёл!", "Решка!"}
    assert "100%" in str(await talk.say(f"Хлеб процент{sign}"))
    assert await talk.say(f"Хлеб скажи {sign}") == sign.strip()


@pytest.mark.parametrize("text", ["шанс ?", "сколько?", "выбери!", "выбери ,"])
async def test_a_sign_is_no_word(talk: Talk, text: str) -> None:
    """A command that needs words says so when there is nothing but a sign."""
    assert "Например" in str(await talk.say(f"Хлеб {text}"))


async def test_help_of_a_question(talk: Talk) -> None:
    """The closing sign is no part of the alias that is asked about."""
    assert "/who" in str(await talk.say("Хлеб help у кого?"))


async def test_the_argument_is_kept(talk: Talk) -> None:
    """Case and inner line breaks of an argument stay as they are."""
    assert await talk.say("Хлеб скажи  Первая СТРОКА\n  вторая  строка ") == "Первая СТРОКА\n  вторая  строка"


async def test_unknown_words(talk: Talk) -> None:
    """Addressed, but no command: a key in what follows the name, then in the whole, then a fallback."""
    assert await talk.say("Хлеб как дела") in FALLBACKS
    assert await talk.say("Хлеб") in FALLBACKS
    await talk.say("Хлеб добавь триггер хлеб да соль=Угощайся")
    assert await talk.say("Хлеб да соль") == "Угощайся"
    await talk.say("Хлеб добавь триггер да соль=Соли мало")
    assert await talk.say("Хлеб да соль") == "Соли мало"
    await talk.say("Хлеб добавь ответ Не сегодня")
    assert await talk.say("Хлеб, танцуй") == "Не сегодня"


async def test_answers_are_replies(talk: Talk) -> None:
    """In the topic of the message, and also when that message has been deleted meanwhile."""
    (answer,) = await talk.hear("Хлеб скажи эхо", chat=chats.forum, thread=7)
    assert (answer.reply_to, answer.thread) == (talk.last["message"]["message_id"], 7)
    assert answer.call.params["reply_parameters"]["allow_sending_without_reply"] is True
    (answer,) = await talk.hear("Хлеб скажи эхо", chat=chats.supergroup, message_thread_id=7)
    assert answer.thread is None, "a reply thread of an ordinary group is no topic"


async def test_who_is_not_answered(talk: Talk, test_settings: pytest.MonkeyPatch) -> None:
    """Bots, ignored users, channel posts and their automatic forwards."""
    test_settings.setattr(settings, "IGNORED_USERS", ["1002", "gleb_g"])
    gleb = updates.person("Глеб", username="Gleb_G")
    await talk.say("Хлеб добавь триггер эй=ой")
    assert await talk.say("эй") == "ой"
    for sender in (people.other_bot, people.boris, gleb):
        assert await talk.say("Хлеб скажи эхо", sender=sender) is None
        assert await talk.say("эй", sender=sender) is None
    assert not await talk.post(updates.channel_post("Хлеб скажи эхо"))
    assert not await talk.post(updates.automatic_forward("Хлеб скажи эхо", chat=talk.chat))


async def test_hidden_authors_may_order(talk: Talk) -> None:
    """A member who writes as a channel, and an anonymous administrator."""
    (answer,) = await talk.post(updates.as_channel("Хлеб скажи эхо", chat=talk.chat))
    assert answer.text == ECHO
    (answer,) = await talk.post(updates.as_anonymous_admin("Хлеб скажи эхо", chat=talk.chat))
    assert answer.text == ECHO


async def test_a_mended_typo(talk: Talk) -> None:
    """An edited message is read for commands only if its earlier version was none, and never for keys."""
    await talk.say("Хлеб добавь триггер эй=ой")
    await talk.say("Хлед скажи эхо")
    typo = talk.last
    (answer,) = await talk.post(updates.edited(typo, "Хлеб скажи эхо"))
    assert answer.text == ECHO
    assert not await talk.post(updates.edited(typo, "Хлеб скажи снова эхо")), "it is a command already"
    await talk.say("Хлеб скажи раз")
    assert not await talk.post(updates.edited(talk.last, "Хлеб скажи два"))
    await talk.say("эй-эй")
    assert not await talk.post(updates.edited(talk.last, "эй"))


async def test_the_same_update_twice(talk: Talk) -> None:
    """Telegram delivers again what it has not heard of: it is done once."""
    update = updates.message("Хлеб скажи эхо", chat=talk.chat)
    assert len(await talk.post(update)) == 1
    assert len(await talk.post(update)) == 0


async def test_one_answer_a_message(talk: Talk) -> None:
    """Command, trigger, substring, other reactions: the first that fits."""
    await talk.say("Хлеб добавь триггер хлеб скажи эхо=триггер")
    await talk.say("Хлеб добавь подстроку эхо=подстрока")
    await talk.say("Хлеб голосовые")
    assert await talk.say("Хлеб скажи эхо") == ECHO
    await talk.say("Хлеб добавь триггер эхо=триггер")
    assert await talk.say("эхо") == "триггер"
    assert await talk.say("эхо!") == "подстрока"
    assert await talk.say(voice=True, caption="эхо") == "триггер"
