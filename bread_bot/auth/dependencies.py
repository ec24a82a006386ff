"""Who is asking: what routes depend on."""

from typing import Annotated, Any

from fastapi import Depends, HTTPException
from fastapi.security import OAuth2PasswordBearer

from bread_bot.auth.models import User
from bread_bot.auth.tokens import InvalidToken
from bread_bot.auth.users import find_holder
from bread_bot.utils.structs import ErrorBody

_bearer = OAuth2PasswordBearer(tokenUrl="token", description="A token that POST /token gives", auto_error=False)

USER_ERRORS: dict[int | str, dict[str, Any]] = {
    401: {"model": ErrorBody, "description": "Nobody is signed in, or the token does not hold any more"}
}
ADMIN_ERRORS = USER_ERRORS | {403: {"model": ErrorBody, "description": "The signed-in user is not an admin"}}


async def get_active_user(token: Annotated[str | None, Depends(_bearer)]) -> User:
    """The signed-in user; a token from before a new password or a deactivation does not hold."""
    if token is None:
        raise _refused("Sign in: get a token from POST /token and send it as `Authorization: Bearer <token>`")
    try:
        user = await find_holder(token)
    except InvalidToken:
        raise _refused("The token is not valid or has expired: sign in again at POST /token") from None
    if user is None:
        raise _refused("The token does not hold any more: sign in again at POST /token")
    return user


ActiveUser = Annotated[User, Depends(get_active_user)]


async def get_admin(user: ActiveUser) -> User:
    """The signed-in user, who must be an admin."""
    if not user.is_admin:
        raise HTTPException(403, "Only admins may do that: ask one of them, or sign in as one")
    return user


def _refused(reason: str) -> HTTPException:
    return HTTPException(401, reason, {"WWW-Authenticate": "Bearer"})
