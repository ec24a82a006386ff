"""The example's command: it keeps a note, or tells the last ones."""

from bread_bot.bot.answers import Reply
from bread_bot.bot.command import command
from bread_bot.bot.context import Context
from bread_bot.my_app.models import Note

SHOWN = 10


@command("заметка", "заметки", slash="note", examples=["Хлеб заметка Купить дрожжи", "Хлеб заметки"])
async def answer_note(context: Context, text: str | None = None) -> Reply:
    """Сохранить заметку чата или показать последние."""
    if text is not None:
        await Note.async_create(context.session, chat_id=context.chat.id, text=text)
        return "Записал!"
    notes = await Note.async_filter(
        context.session, Note.chat_id == context.chat.id, order_by=Note.id.desc(), limit=SHOWN
    )
    return "\n".join(f"{number}. {note.text}" for number, note in enumerate(notes, 1)) or "Заметок пока нет."
