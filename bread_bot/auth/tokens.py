"""Access tokens: JWT, signed with SECRET_KEY."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import jwt

from bread_bot.auth.models import User
from bread_bot.main.settings import settings

_ALGORITHM = "HS256"
_GREATEST_ID = 2**63 - 1


class InvalidToken(Exception):
    """A token is expired, forged, or none at all."""


class Claims(NamedTuple):
    """What a token says: whose it is, and the stamp that this user had then."""

    user_id: int
    stamp: str


def issue(user: User) -> str:
    """A token for a user, which holds ACCESS_TOKEN_MINUTES."""
    now = datetime.now(UTC)
    claims = {
        "sub": str(user.id),
        "stamp": user.token_stamp,
        "iat": now,
        "exp": now + timedelta(minutes=settings.ACCESS_TOKEN_MINUTES),
    }
    return jwt.encode(claims, settings.SECRET_KEY.get_secret_value(), _ALGORITHM)


def read(token: str) -> Claims:
    """What a token says.

    :raises InvalidToken: it does not hold
    """
    required = ["sub", "stamp", "iat", "exp"]
    try:
        claims = jwt.decode(token, settings.SECRET_KEY.get_secret_value(), [_ALGORITHM], options={"require": required})
        user_id = int(claims["sub"])
    except (jwt.InvalidTokenError, ValueError):
        raise InvalidToken from None
    if not 0 < user_id <= _GREATEST_ID:
        raise InvalidToken
    return Claims(user_id, str(claims["stamp"]))
