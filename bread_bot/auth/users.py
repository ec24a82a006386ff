"""Signing in, creating and changing users: what the API and the admin site have in common."""

from sqlalchemy import func, or_, select, update
from sqlalchemy.exc import IntegrityError

from bread_bot.auth import passwords, slowdown, tokens
from bread_bot.auth.models import User, new_stamp
from bread_bot.auth.schemas import NewUser, UserChange
from bread_bot.main.database.base import async_session
from bread_bot.utils.text import clean


class TooManyFailures(Exception):
    """Somebody has to wait before they may try to sign in again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many failures: try again in {seconds} s")
        self.seconds = seconds


class WrongPassword(Exception):
    """The name or the password is wrong, or the user is deactivated."""


class NameTaken(Exception):
    """There is a user of that name, whatever its case."""


class UnknownUser(Exception):
    """There is no such user."""


class LastAdmin(Exception):
    """Nobody would be an active admin any more."""


async def sign_in(username: str, password: str, address: str) -> User:
    """The active user with this name and password; after repeated failures only more and more slowly.

    :raises TooManyFailures: it is too early for another attempt
    :raises WrongPassword: there is none
    """
    username = clean(username)
    attempt = slowdown.Attempt(username, address)
    async with async_session() as session, session.begin():
        if seconds := await attempt.begin(session):
            raise TooManyFailures(seconds)
        user = await User.async_first(session, func.lower(User.username) == username.lower(), User.is_active)
    # no connection is held, and no attempt uncounted, while this takes its time
    is_right, renewed = await passwords.check(password, user.password_hash if user is not None else None)
    if user is None or not is_right:
        raise WrongPassword("The user's name or the password is wrong")
    async with async_session() as session, session.begin():
        await attempt.succeed(session)
        await slowdown.forget_old(session)
        if renewed is not None:  # unless the password has been changed meanwhile
            unchanged = (User.id == user.id, User.password_hash == user.password_hash)
            await session.execute(update(User).where(*unchanged).values(password_hash=renewed))
    return user


async def find_holder(token: str) -> User | None:
    """The user whose token this is, if it still holds: not after a new password or a deactivation.

    :raises InvalidToken: it is expired, forged, or none at all
    """
    claims = tokens.read(token)
    async with async_session() as session:
        user = await User.async_get(session, claims.user_id)
    return user if user is not None and user.is_active and user.token_stamp == claims.stamp else None


async def create(new: NewUser) -> User:
    """Create a user, who may sign in at once.

    :raises NameTaken: there is one of that name
    """
    password_hash = await passwords.make_hash(new.password.get_secret_value())
    try:
        async with async_session() as session, session.begin():
            return await User.async_create(session, password_hash=password_hash, **new.model_dump(exclude={"password"}))
    except IntegrityError:
        raise NameTaken(f"There is a user {new.username!r} already: choose another name") from None


async def change(user_id: int, change: UserChange) -> User:
    """Change what is named; a new password or a deactivation ends the user's tokens at once.

    :raises UnknownUser: there is none of that number
    :raises LastAdmin: nobody would be an active admin any more
    """
    values = change.model_dump(exclude={"password"}, exclude_none=True)
    if change.email == "":
        values["email"] = None
    if change.password is not None:
        values["password_hash"] = await passwords.make_hash(change.password.get_secret_value())
    if change.password is not None or change.is_active is False:
        values["token_stamp"] = new_stamp()
    async with async_session() as session, session.begin():
        # with all admins locked, two of them can't take away each other's rights at once
        locked = select(User).where(or_(User.id == user_id, User.is_admin & User.is_active)).order_by(User.id)
        users = list(await session.scalars(locked.with_for_update()))
        user = next((user for user in users if user.id == user_id), None)
        if user is None:
            raise UnknownUser(f"There is no user {user_id}: GET /users lists them")
        was_admin = user.is_admin and user.is_active
        await user.async_update(session, **values)
        if was_admin and not any(user.is_admin and user.is_active for user in users):
            raise LastAdmin(f"{user.username!r} is the last active admin: make somebody else one first")
    return user
