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
    sender = context.replied.sender if context.replied is not None else None
    if sender is None:
        return said
    return f"@{sender.username} {said}" if sender.username else f"{called(sender)}! {said}"


@command("оскорби", slash="insult_ru", examples=["Хлеб оскорби", "Хлеб оскорби Васю"])
async def answer_insult(context: Context, whom: Question | None = None) -> Reply:
    """Оскорбить тем, чему научили, или по-хлебному мягко; в ответ на сообщение — его автора."""
    taught = await pack.draw_keyless(context.session, context.chat.id, Reaction.INSULT, context.random)
    sender = context.replied.sender if context.replied is not None else None
    victim = called(sender) if sender is not None else whom
    if taught is not None and taught.kind != "text":
        return pack.answer_of(taught)
    said = taught.value if taught is not None else INSULTS.draw(context.random).text
    return f"{victim}! {said}" if victim else said
