"""GET /help: all commands as a page for a phone."""

import base64
import hashlib
from functools import cache
from importlib.resources import files

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, Template

from bread_bot.bot.handlers.help import grouped
from bread_bot.main.settings import settings

router = APIRouter(tags=["help"])


@router.get("/help", summary="All commands, for people", response_class=HTMLResponse)
async def show_help(request: Request) -> HTMLResponse:
    """A page with every command, what it does, and what to say."""
    template, style = _page()
    page = template.render(groups=grouped(request.app.state.commands), name=settings.BOT_NAME, style=style)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'"
    return HTMLResponse(page, headers={"content-security-policy": policy})


@cache
def _page() -> tuple[Template, str]:
    pages = files("bread_bot.bot") / "pages"
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string((pages / "help.html").read_text("utf-8")), (pages / "help.css").read_text("utf-8")
