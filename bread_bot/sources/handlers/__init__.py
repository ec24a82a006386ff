"""Commands that bring something from elsewhere."""

from bread_bot.bot.answers import Reply
from bread_bot.bot.arguments import Question
from bread_bot.bot.command import command
from bread_bot.bot.context import Context
from bread_bot.bot.names import called
from bread_bot.packs import pack
from bread_bot.packs.reactions import Reaction
from bread_bot.sources.source import ADVICE, ENGLISH_INSULTS, INSULTS, JOKES, QUOTES


@command("цитата", "цит", slash="quote", deferred=True, examples=["Хлеб цитата"])
async def answer_quote(context: Context) -> Reply:
    """Рассказать цитату."""
    return str(await QUOTES.draw(context.random))


@command("анекдот", "шутка", "анек", slash="joke", deferred=True, examples=["Хлеб анекдот"])
async def answer_joke(context: Context) -> Reply:
    """Рассказать анекдот."""
    return str(await JOKES.draw(context.random))


@command("совет", slash="advice", deferred=True, examples=["Хлеб совет"])
async def answer_advice(context: Context) -> Reply:
    """Дать совет."""
    return (await ADVICE.draw(context.random)).text


@command("insult", slash="insult", deferred=True, examples=["Хлеб insult"])
async def answer_english_insult(context: Context) -> Reply:
    """Оскорбить по-английски; в ответ на сообщение — его автора."""
    said = (await ENGLISH_INSULTS.draw(context.random)).text
    if context.replied is None:
        return said
    person = context.replied.author
    return f"@{person.username} {said}" if person is not None and person.username else f"{_victim(context)}! {said}"


@command("оскорби", slash="insult_ru", examples=["Хлеб оскорби", "Хлеб оскорби Васю"])
async def answer_insult(context: Context, whom: Question | None = None) -> Reply:
    """Оскорбить тем, чему научили, или по-хлебному мягко; в ответ на сообщение — его автора."""
    taught = await pack.draw_keyless(context.session, context.chat.id, Reaction.INSULT, context.random)
    said = taught.value if taught is not None else INSULTS.draw(context.random).text
    if context.replied is not None:
        return f"{_victim(context)}! {said}"
    return f"{whom}? Запросто: {said}" if whom else said


def _victim(context: Context) -> str:
    """The author of the message that is replied to: a person, a bot, or the chat in whose name it was written."""
    assert context.replied is not None
    chat, sender = context.replied.sender_chat, context.replied.sender
    if chat is not None or sender is None:
        return (chat or context.chat).title or "Некто"
    return called(sender)
