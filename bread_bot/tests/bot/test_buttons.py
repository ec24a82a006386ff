"""Inline buttons: whoever presses one is answered, also when Telegram must be asked first."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from bread_bot.bot.models import Chat
from bread_bot.main.database.base import async_session
from bread_bot.tests.talk import Talk
from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.updates import people


async def test_a_button_for_administrators(talk: Talk) -> None:
    """Long after the question, the administrators are asked for anew; each press is answered exactly once."""
    talk.bot_api.world.set_member(talk.chat.id, people.anna.json, "creator")
    (question,) = await talk.hear("Хлеб забудь всё")
    data = question.buttons[0]["callback_data"]
    async with async_session() as session, session.begin():
        long_ago = datetime.now(UTC) - timedelta(hours=1)
        await session.execute(update(Chat).values(administrators_at=long_ago))
    await talk.post(updates.callback_query(data, message=question.message, sender=people.boris))
    assert "администраторы" in str(talk.bot_api.toasts[-1])
    assert not talk.bot_api.edited
    await talk.post(updates.callback_query(data, message=question.message, sender=people.anna))
    assert "забыл" in str(talk.bot_api.edited[-1].text)
    assert len(talk.bot_api.toasts) == 2


async def test_an_unknown_button(talk: Talk) -> None:
    """A button of an older version does nothing, and does not spin for ever."""
    (question,) = await talk.hear("Хлеб help")
    assert not await talk.post(updates.callback_query("gone 1", message=question.message))
    assert talk.bot_api.toasts == [None]
