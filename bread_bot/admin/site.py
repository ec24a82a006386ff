"""The admin site, put together and mounted."""

from pathlib import Path

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette_admin.base import BaseAdmin

from bread_bot.admin.access import Access, cookie_key
from bread_bot.admin.frame import Frame, Nonces
from bread_bot.admin.start import Start
from bread_bot.admin.views.delivery import FailedUpdateView, OutboxView
from bread_bot.admin.views.people import ChatView, MemberView
from bread_bot.admin.views.taught import TaughtView
from bread_bot.admin.views.users import UserView
from bread_bot.auth.models import User
from bread_bot.bot.models import Chat, FailedUpdate, Member, OutboxMessage
from bread_bot.packs.models import Taught

PLACE = Path(__file__).parent


def mount(app: FastAPI) -> None:
    """Add the site to the application, at /admin."""
    admin = BaseAdmin(
        title="Bread Bot",
        templates_dir=str(PLACE / "templates"),
        static_dir=str(PLACE / "static"),
        index_view=Start(),
        auth_provider=Access(),
        secret_key=cookie_key(),
        timezone_config=None,
    )
    admin.templates.env.add_extension(Nonces)
    admin.middlewares.insert(0, Middleware(Frame, admin=admin))
    admin.add_view(ChatView(app, Chat))
    admin.add_view(MemberView(app, Member))
    admin.add_view(TaughtView(app, Taught))
    admin.add_view(OutboxView(app, OutboxMessage))
    admin.add_view(FailedUpdateView(app, FailedUpdate))
    admin.add_view(UserView(app, User))
    admin.mount_to(app)
