"""The start page: the figures of the day, and a chart."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette_admin.flash import get_flashed_messages
from starlette_admin.routing import route
from starlette_admin.views import CustomView

from bread_bot.admin.chart import drawn
from bread_bot.bot.figures import Figures, figures
from bread_bot.main.database.base import async_session


@dataclass(frozen=True, slots=True)
class Card:
    """One figure: its title, and the list that tells more."""

    title: str
    number: int
    note: str = ""
    view: str = ""
    is_bad: bool = False


class Start(CustomView):
    """The start page."""

    menu_label = "Today"
    icon = "fa-solid fa-chart-column"
    route_name = "index"

    @route("")
    async def index(self, request: Request) -> Response:
        """The page."""
        assert self.templates is not None
        async with async_session() as session:
            found = await figures(session)
        context = {
            "title": "Bread Bot",
            "cards": _cards(found),
            "chart": drawn(["Messages", "Commands"], [(one.day, (one.messages, one.commands)) for one in found.days]),
            "flashed_messages": get_flashed_messages(request),
        }
        return self.templates.TemplateResponse(request, "start.html", context)


def _cards(found: Figures) -> list[Card]:
    *_, yesterday, today = found.days
    return [
        Card("Messages", today.messages, f"{yesterday.messages:,} yesterday"),
        Card("Commands", today.commands, f"{yesterday.commands:,} yesterday"),
        Card("Answers", found.answers, f"to {found.updates:,} updates"),
        Card("People", today.people, f"in {today.chats:,} chats today", "members"),
        Card("Taught", today.taught, f"{yesterday.taught:,} yesterday", "taught"),
        Card("Chats", found.chats, f"{found.left_chats:,} left", "chats"),
        Card("Outbox", found.waiting + found.dead, f"{found.dead:,} refused", "outbox", found.dead > 0),
        Card("Set aside", found.set_aside, "updates that fail", "failed", found.set_aside > 0),
    ]
