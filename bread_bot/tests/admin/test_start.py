"""The start page: the figures of the day, and the chart."""

from datetime import date, timedelta

import pytest
from sqlalchemy import text

from bread_bot.admin.chart import HEIGHT, drawn
from bread_bot.bot.models import FailedUpdate
from bread_bot.main.database.base import async_session
from bread_bot.tests.admin.visitor import Page, Visitor
from bread_bot.tests.talk import Talk
from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.updates import people


def _cards(page: Page) -> dict[str, tuple[str, str]]:
    titles, numbers, notes = (page.texts(f".card-body {one}") for one in (".subheader", ".h1", ".text-secondary"))
    return {title: (number, note) for title, number, note in zip(titles, numbers, notes, strict=True)}


async def test_nothing_has_happened_yet(admin: Visitor) -> None:
    """All is zero, and drawn."""
    page = await admin.open("/")
    assert {number for number, _ in _cards(page).values()} == {"0"}
    assert len(page.css("svg.chart rect.bar-1")) == 14


async def test_figures_of_the_day(talk: Talk, admin: Visitor) -> None:
    """What was said, asked, taught and answered today and yesterday, and what waits for the operator."""
    await talk.say("Хлеб добавь триггер привет=Медвед")
    await talk.say("привет")
    async with async_session() as session, session.begin():
        await session.execute(text("UPDATE activity SET day = day - 1"))
        await session.execute(text("UPDATE handled_update SET handled_at = handled_at - interval '1 day'"))
        await session.execute(text("UPDATE outbox SET done_at = done_at - interval '1 day'"))
        await FailedUpdate.async_create(session, bot_id=1, update_id=1, body={}, set_aside_at=text("now()"))
        await FailedUpdate.async_create(session, bot_id=1, update_id=2, body={})
    bakery = updates.group("Пекарня")
    await talk.say("привет", sender=people.vera, chat=bakery)
    await talk.say("Хлеб процент", sender=people.vera)
    talk.bot_api.fail("sendMessage", "no rights")
    await talk.say("привет")
    await talk.post(updates.my_chat_member("kicked", "member", bot=talk.bot_api.me, chat=bakery))
    page = await admin.open("/")
    assert _cards(page) == {
        "Messages": ("3", "2 yesterday"),
        "Commands": ("1", "1 yesterday"),
        "Answers": ("1", "to 4 updates"),
        "People": ("2", "in 2 chats today"),
        "Taught": ("0", "1 yesterday"),
        "Chats": ("1", "1 left"),
        "Outbox": ("1", "1 refused"),
        "Set aside": ("1", "updates that fail"),
    }
    assert page.texts(".text-danger") == ["1", "1"]
    *_, yesterday, today = page.texts("svg.chart title")
    assert today.endswith(", messages: 3, commands: 1") and yesterday.endswith(", messages: 2, commands: 1")
    links = [one.attributes["href"] for one in page.css("a.card-link")]
    for link in links:
        assert (await admin.client.get(str(link))).status_code == 200


@pytest.mark.parametrize(
    ("highest", "lines"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (4, [0, 1, 2, 3, 4]),
        (5, [0, 2, 4, 6]),
        (101, [0, 50, 100, 150]),
        (10**6, [0, 500000, 10**6]),
    ],
)
def test_the_chart(highest: int, lines: list[int]) -> None:
    """Its lines stand at round numbers, and every bar has room."""
    begin = date(2026, 2, 20)
    chart = drawn(["a", "b"], [(begin + timedelta(days=day), (highest, day % (highest + 1))) for day in range(14)])
    assert [number for number, _ in chart.lines] == lines
    assert chart.lines[0][1] == chart.foot
    for day in chart.days:
        assert 0 <= day.left and day.left + day.width <= 100.001
        for number, bar in zip(day.numbers, day.bars, strict=True):
            assert day.left <= bar.left and bar.left + bar.width <= day.left + day.width
            assert bar.top + bar.height == pytest.approx(chart.foot) and 0 <= bar.top <= HEIGHT
            assert bar.height == pytest.approx(number / lines[-1] * (chart.foot - chart.lines[-1][1]))
