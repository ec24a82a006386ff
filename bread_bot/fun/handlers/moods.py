"""What the bot says of edited messages and voices, where a chat has asked for it."""

from bread_bot.bot.answers import Reply
from bread_bot.bot.command import command, listener
from bread_bot.bot.context import Context
from bread_bot.bot.permissions import must_teach
from bread_bot.bot.switches import Switch

EDITED: Switch[bool] = Switch("edited", False)
VOICES: Switch[bool] = Switch("voices", False)

ON_EDIT = (
    "А я помню, что тут было написано!",
    "Исправил? Я всё видел.",
    "Заметаешь крошки?",
    "Было лучше, честно.",
    "Редактура — мать учения.",
    "Так-так, переписываем историю.",
    "Первое слово дороже второго, но ладно.",
)
ON_VOICE = (
    "Слушал бы и слушал, но у меня ушей нет.",
    "А буквами? Я же хлеб, я тихий.",
    "Красивый голос. О чём речь?",
    "Запишу на корочку.",
    "Голосовое свежее, ещё тёплое.",
    "Кто-нибудь, перескажите вкратце.",
    "Я дослушал до середины и зачерствел.",
)


@command("редактирование", slash="edits", examples=["Хлеб редактирование"])
async def answer_edits(context: Context) -> Reply:
    """Включить или выключить реакцию на исправленные сообщения."""
    return await _flip(context, EDITED, "на исправленные сообщения")


@command("голосовые", slash="voices", examples=["Хлеб голосовые"])
async def answer_voices(context: Context) -> Reply:
    """Включить или выключить реакцию на голосовые и кружки."""
    return await _flip(context, VOICES, "на голосовые и кружки")


@listener(edited=True)
async def react_to_edit(context: Context) -> Reply:
    """Say something of an edited message; a live location, which Telegram edits by itself, has no text."""
    return context.random.choice(ON_EDIT) if context.text and context.get(EDITED) else None


@listener()
async def react_to_voice(context: Context) -> Reply:
    """Say something of a voice or a video note."""
    is_voice = context.message.voice is not None or context.message.video_note is not None
    return context.random.choice(ON_VOICE) if is_voice and context.get(VOICES) else None


async def _flip(context: Context, switch: Switch[bool], what: str) -> str:
    await must_teach(context)
    is_on = not context.get(switch)
    await context.set(switch, is_on)
    return f"Реакция {what} теперь включена." if is_on else f"Реакция {what} теперь выключена."
