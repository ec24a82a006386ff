"""Nonsense out of what a chat has said: learnt only where the chat has asked for it."""

from collections import Counter

from sqlalchemy import BigInteger, Integer, Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from bread_bot.bot.answers import Reply
from bread_bot.bot.command import command, listener
from bread_bot.bot.context import Context
from bread_bot.bot.errors import CommandError
from bread_bot.bot.permissions import must_teach
from bread_bot.bot.switches import Switch
from bread_bot.main.settings import settings
from bread_bot.nonsense.chain import make_up, transitions

LEARNS: Switch[bool] = Switch("learns", False)
MOST_TRANSITIONS = 50_000
SAMPLE = 5_000
_TRIM_CHANCE = 0.01
_LONGEST = 30

_LEARN = text("""
    INSERT INTO transition AS known (chat_id, member_id, prefix, word, times)
    SELECT :chat_id, :member_id, prefix, word, times
    FROM unnest(:prefixes, :words, :times) AS news (prefix, word, times)
    WHERE NOT EXISTS (
        SELECT FROM chat_to_member AS bond
        WHERE bond.chat_id = :chat_id AND bond.member_id = :member_id AND bond.is_forgotten
    )
    ON CONFLICT (chat_id, member_id, prefix, word) DO UPDATE SET times = known.times + excluded.times
    """).bindparams(
    bindparam("chat_id", type_=BigInteger),
    bindparam("member_id", type_=BigInteger),
    bindparam("prefixes", type_=ARRAY(Text)),
    bindparam("words", type_=ARRAY(Text)),
    bindparam("times", type_=ARRAY(Integer)),
)
_TRIM = text("""
    DELETE FROM transition WHERE ctid IN (
        SELECT ctid FROM transition WHERE chat_id = :chat_id ORDER BY times DESC, random() OFFSET :most
    )
    """)
_SAMPLE = text("""
    SELECT prefix, word, sum(times) AS times FROM (
        SELECT prefix, word, times FROM transition WHERE chat_id = :chat_id ORDER BY random() LIMIT :sample
    ) AS sample GROUP BY prefix, word
    """)


@command("учись", slash="learn", examples=["Хлеб учись"])
async def answer_learn(context: Context) -> Reply:
    """Включить или выключить запоминание разговоров, из которых бот сочиняет бред."""
    await must_teach(context)
    learns = not context.get(LEARNS)
    await context.set(LEARNS, learns)
    if learns:
        return f"Слушаю и запоминаю. Кто против, скажите «{settings.BOT_NAME} забудь меня»."
    return f"Больше не подслушиваю. Что услышал, помню; стереть можно так: «{settings.BOT_NAME} забудь всё»."


@listener(order=1)
async def learn(context: Context) -> Reply:
    """Learn which words follow which; never answers."""
    if not context.get(LEARNS) or context.author is None or not context.text:
        return None
    counted = Counter(transitions(context.text))
    if not counted:
        return None
    ordered = sorted(counted.items())
    await context.session.execute(
        _LEARN,
        {
            "chat_id": context.chat.id,
            "member_id": context.author.id,
            "prefixes": [prefix for (prefix, _), _ in ordered],
            "words": [word for (_, word), _ in ordered],
            "times": [times for _, times in ordered],
        },
    )
    if context.random.random() < _TRIM_CHANCE:
        await context.session.execute(_TRIM, {"chat_id": context.chat.id, "most": MOST_TRANSITIONS})
    return None


async def make_up_sentence(context: Context) -> Reply:
    """A sentence that somebody here might have said.

    :raises CommandError: nothing has been learnt yet
    """
    rows = (await context.session.execute(_SAMPLE, {"chat_id": context.chat.id, "sample": SAMPLE})).all()
    sentence = make_up(context.random, [(row.prefix, row.word, row.times) for row in rows], _LONGEST)
    if not sentence:
        how = "" if context.get(LEARNS) else f" Скажи «{settings.BOT_NAME} учись», и я начну слушать."
        raise CommandError(f"Я пока ничего не наслушался. Или ответь этой командой на чьё-нибудь сообщение.{how}")
    return sentence
