"""The command that tells who does how much."""

import asyncio
import sys
from dataclasses import asdict, dataclass
from datetime import date, timedelta

import orjson
from sqlalchemy import func, select

from bread_bot.bot.answers import Answer, Reply
from bread_bot.bot.command import command
from bread_bot.bot.context import Context
from bread_bot.bot.errors import CommandError
from bread_bot.bot.models import Activity, Member
from bread_bot.bot.names import called
from bread_bot.main.settings import BASE_DIR

TOP = 10
WEEK = timedelta(days=7)
CHART_DAYS = 30
CHART_TOP = 8
_CHART_SECONDS = 30
_DRAWING = asyncio.Semaphore(2)

_KINDS = (
    ("wrote", "Писали"),
    ("edited", "Исправляли"),
    ("voices", "Наговаривали"),
    ("asked", "Звали меня"),
    ("taught", "Учили меня"),
)


@dataclass(frozen=True, slots=True)
class ChartData:
    """What the chart shows: messages by day, and by member."""

    title: str
    days: list[tuple[str, int]]
    members: list[tuple[str, int]]


@command("статистика", "стата", slash="stats", examples=["Хлеб стата"])
async def answer_stats(context: Context) -> Reply:
    """Рассказать, кто сколько писал, исправлял, наговаривал, звал и учил: за всё время и за неделю."""
    parts = [f"{title}: {line}" for title, line in await _lines(context)]
    return "\n".join(parts) or "Пока тут тихо: считать нечего."


async def _lines(context: Context) -> list[tuple[str, str]]:
    lines = []
    since = context.now.date() - WEEK
    recent = Activity.day > since
    columns = []
    for name, _ in _KINDS:
        column = getattr(Activity, name)
        columns += [
            func.sum(column).label(name),
            func.coalesce(func.sum(column).filter(recent), 0).label(f"{name}_week"),
        ]
    statement = (
        select(Member, *columns)
        .join(Activity, Activity.member_id == Member.id)
        .where(Activity.chat_id == context.chat.id)
        .group_by(Member.id)
        .order_by(Member.id)
    )
    rows = (await context.session.execute(statement)).all()
    for name, title in _KINDS:
        for suffix, when in (("", "за всё время"), ("_week", "за 7 дней")):
            counted = [(getattr(row, name + suffix), called(row[0])) for row in rows if getattr(row, name + suffix)]
            counted.sort(key=lambda one: -one[0])
            if counted:
                lines.append((f"{title} {when}", ", ".join(f"{who} — {number}" for number, who in counted[:TOP])))
    return lines


@command("стата график", "статистика график", slash="chart", deferred=True, examples=["Хлеб стата график"])
async def answer_chart(context: Context) -> Reply:
    """Нарисовать, сколько сообщений было по дням и кто пишет больше всех."""
    data = await _chart_data(context)
    await context.let_go()
    if not data.members:
        raise CommandError("Рисовать пока нечего: тут ещё никто не писал.")
    return Answer("chart.png", kind="photo", content=await _draw(data))


async def _chart_data(context: Context) -> ChartData:
    today = context.now.date()
    first = today - timedelta(days=CHART_DAYS - 1)
    belongs = (Activity.chat_id == context.chat.id, Activity.day >= first)
    total = func.sum(Activity.wrote)
    by_day: dict[date, int] = {
        day: number
        for day, number in await context.session.execute(
            select(Activity.day, total).where(*belongs).group_by(Activity.day)
        )
    }
    by_member = await context.session.execute(
        select(Member, total)
        .join(Activity, Activity.member_id == Member.id)
        .where(*belongs)
        .group_by(Member.id)
        .having(total > 0)
        .order_by(total.desc(), Member.id)
        .limit(CHART_TOP)
    )
    days = [first + timedelta(days=number) for number in range(CHART_DAYS)]
    return ChartData(
        context.chat.title or called_chat(context),
        [(day.isoformat(), by_day.get(day, 0)) for day in days],
        [(called(member), number) for member, number in by_member],
    )


def called_chat(context: Context) -> str:
    """How a chat without a title is called."""
    return context.chat.first_name or "чат"


async def _draw(data: ChartData) -> bytes:
    """Draw in a process of its own: the plotting library takes 60 MB, which the server need not keep."""
    pipe = asyncio.subprocess.PIPE
    async with _DRAWING:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bread_bot.people.chart", stdin=pipe, stdout=pipe, cwd=BASE_DIR
        )
        try:
            async with asyncio.timeout(_CHART_SECONDS):
                picture, _ = await process.communicate(orjson.dumps(asdict(data)))
        except BaseException:
            process.kill()
            await process.wait()
            raise
    if process.returncode:
        raise RuntimeError(f"the chart could not be drawn: exit status {process.returncode}")
    return picture
