"""The bot comes into a chat, and goes; so do people."""

import pytest
from sqlalchemy import select

from bread_bot.bot import membership
from bread_bot.bot.context import Bot
from bread_bot.bot.membership import PRIVACY
from bread_bot.bot.models import Chat, ChatToMember
from bread_bot.main.database.base import async_session
from bread_bot.main.settings import settings
from bread_bot.tests.talk import Talk
from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.fake import Sent
from bread_bot.tests.telegram.updates import people

GREETING = membership.GREETING.format(name="Хлеб")

MUTE = {"status": "restricted", "is_member": True, "can_send_messages": False}


async def change(talk: Talk, new: object, old: object, chat: updates.Place | None = None) -> list[Sent]:
    """Something happens to the bot; what it says to that."""
    update = updates.my_chat_member(new, old, bot=talk.bot_api.me, chat=chat or talk.chat)  # type: ignore[arg-type]
    return list(await talk.post(update))


async def has_left() -> bool:
    """Whether the only chat counts as left."""
    async with async_session() as session:
        return (await session.execute(select(Chat.left_at))).scalar_one() is not None


async def test_it_greets_once(talk: Talk) -> None:
    """With what it can do; not again when the update comes again, nor when its role changes."""
    (greeting,) = await change(talk, "member", "left")
    assert greeting.text == GREETING
    assert not await talk.post(talk.last)
    assert not await change(talk, "administrator", "member")
    assert not await talk.post(updates.message(chat=talk.chat, new_chat_members=[talk.bot_api.me]))


@pytest.mark.parametrize(("status", "said"), [("member", GREETING + PRIVACY), ("administrator", GREETING)])
async def test_privacy_mode(talk: Talk, status: str, said: str) -> None:
    """Where messages are hidden from it, it says so, and how to change that; an administrator hears all."""
    bot = talk.dispatcher.bot
    talk.dispatcher.introduce(Bot(bot.id, bot.username, reads_everything=False))
    (greeting,) = await change(talk, status, "left")
    assert greeting.text == said


@pytest.mark.parametrize("status", ["kicked", "left", {"status": "restricted", "is_member": False}])
async def test_it_is_sent_away(talk: Talk, status: object) -> None:
    """The chat counts as left until the bot is back; its pack is still there."""
    await talk.say("Хлеб добавь триггер привет=медвед")
    assert not await change(talk, status, "member")
    assert await has_left()
    (greeting,) = await change(talk, "member", status)
    assert greeting.text == GREETING
    assert not await has_left()
    assert await talk.say("привет") == "медвед"


async def test_it_is_restricted(talk: Talk) -> None:
    """Where it may not speak it does not try to greet; it is there all the same."""
    assert not await change(talk, MUTE, "left")
    assert not talk.bot_api.calls_of("sendMessage")
    assert not await has_left()


async def test_it_is_blocked(talk: Talk) -> None:
    """In a private chat it does not greet: the person has come for something."""
    private = people.anna.private
    assert not await change(talk, "kicked", "member", private)
    assert await has_left()
    assert not await change(talk, "member", "kicked", private)
    assert not await has_left()
    assert await talk.say("Хлеб скажи раз", chat=private) == "раз"


async def test_people_come_and_go(talk: Talk) -> None:
    """By service messages and by changes of state; bots don't count."""
    await talk.post(updates.message(chat=talk.chat, new_chat_members=[people.boris, people.vera, people.other_bot]))
    await talk.post(updates.chat_member(people.gleb, "administrator", "left", chat=talk.chat))
    await talk.post(updates.chat_member(people.boris, "kicked", "member", chat=talk.chat))
    await talk.post(updates.message(chat=talk.chat, left_chat_member=people.vera))
    async with async_session() as session:
        here = select(ChatToMember.member_id, ChatToMember.is_administrator).where(ChatToMember.left_at.is_(None))
        found = {member: is_administrator for member, is_administrator in (await session.execute(here)).all()}
    assert people.boris.id not in found and people.vera.id not in found and people.other_bot.id not in found
    assert found[people.gleb.id] is True


async def test_it_calls_itself_what_it_is_called(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever hosts it under another name never hears of a bread."""
    monkeypatch.setattr(settings, "BOT_NAME", "Батон")
    talk.dispatcher.introduce(talk.dispatcher.bot)
    (greeting,) = await change(talk, "member", "left")
    assert "«Батон help»" in str(greeting.text)
    await talk.say("Батон добавь триггер привет=медвед")
    said = [await talk.say("Батон удали триггер привет=медвед")]
    said += [await talk.say("Батон как дела") for _ in range(50)]
    assert not [one for one in said if "Хлеб" in str(one)]
