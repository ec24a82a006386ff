"""Who may come in: active admins, for as long as their token holds. It is the API's, kept in a cookie."""

import hmac
import logging

from pydantic import SecretStr, ValidationError
from starlette.middleware import Middleware
from starlette.middleware.base import RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette_admin.auth import AdminUser, AuthProvider
from starlette_admin.auth.base import AuthMiddleware
from starlette_admin.exceptions import LoginFailed
from starlette_admin.helpers import index_url, safe_redirect_url

from bread_bot.auth import tokens, users
from bread_bot.auth.schemas import SignIn
from bread_bot.main.settings import settings

logger = logging.getLogger(__name__)

COOKIE = "bread_bot_admin"


def cookie_key() -> str:
    """What signs the site's other cookies: made of SECRET_KEY, and good for no token."""
    return hmac.digest(settings.SECRET_KEY.get_secret_value().encode(), b"admin site", "sha256").hex()


class Access(AuthProvider):
    """Signs admins in and out, with the API's users, passwords and slowdown."""

    async def login(self, username: str, password: str, remember_me: bool, request: Request) -> Response:
        """Let an admin in.

        :raises LoginFailed: it is none, or too early for another attempt
        """
        try:
            form = SignIn(username=username, password=SecretStr(password))
            address = request.client.host if request.client else ""
            user = await users.sign_in(form.username, form.password.get_secret_value(), address)
        except (ValidationError, users.WrongPassword):
            raise LoginFailed("The user's name or the password is wrong") from None
        except users.TooManyFailures as error:
            raise LoginFailed(str(error)) from None
        if not user.is_admin:
            raise LoginFailed("Only admins may come in here")
        start = index_url(request)
        target = safe_redirect_url(request.query_params.get("next") or start, request, start)
        response = RedirectResponse(target, 303)
        response.set_cookie(
            COOKIE,
            tokens.issue(user),
            max_age=settings.ACCESS_TOKEN_MINUTES * 60,
            path=request.scope["root_path"],
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="lax",
        )
        return response

    async def logout(self, request: Request) -> Response:
        """Let somebody go."""
        response = RedirectResponse(index_url(request), 303)
        response.delete_cookie(COOKIE, path=request.scope["root_path"])
        return response

    async def authenticate(self, request: Request) -> AdminUser | None:
        """The admin who asks; asked anew at every request, so that who may not any more is out at once."""
        token = request.cookies.get(COOKIE)
        if token is None or request.url.path.startswith(f"{request.scope['root_path']}/static/"):
            return None
        try:
            user = await users.find_holder(token)
        except tokens.InvalidToken:
            return None
        return AdminUser(user.username) if user is not None and user.is_admin else None

    def get_middleware(self) -> Middleware:
        """What stands before every page."""
        return Middleware(_Gate, provider=self)


class _Gate(AuthMiddleware):
    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Send strangers to sign in; a script, which can't, is told in words that it shows. Log who does what."""
        response = await super().dispatch(request, call_next)
        if request.state.is_anonymous:
            if response.status_code == 303 and "x-csrftoken" in request.headers:
                return JSONResponse({"msg": "You are not signed in any more: load the page again"}, 400)
        elif request.method == "POST":
            told = {"admin": request.state.admin_user.username, "status": response.status_code}
            asked = {"row": request.query_params.get("pk"), "action": request.query_params.get("name")}
            logger.info("An admin has sent %s", request.url.path, extra=told | asked)
        return response
