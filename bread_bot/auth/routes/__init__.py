"""Signing in, and who may."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Path, Request, Response
from sqlalchemy import func, or_, select, update
from sqlalchemy.exc import IntegrityError

from bread_bot.auth import passwords, slowdown, tokens
from bread_bot.auth.dependencies import ADMIN_ERRORS, USER_ERRORS, ActiveUser, get_admin
from bread_bot.auth.models import User, new_stamp
from bread_bot.auth.schemas import NewUser, SignIn, Token, UserChange, UserRow
from bread_bot.main.database.base import async_session
from bread_bot.main.settings import settings
from bread_bot.utils.dependencies import PagingParameters, Transaction
from bread_bot.utils.structs import ErrorBody, Page
from bread_bot.utils.text import clean

router = APIRouter(tags=["users"])

_SIGN_IN_ERRORS: dict[int | str, dict[str, Any]] = {
    401: {"model": ErrorBody, "description": "The name or the password is wrong, or the user is deactivated"},
    429: {"model": ErrorBody, "description": "Too many failures; the header Retry-After tells the seconds to wait"},
}


@router.post("/token", summary="Sign in", responses=_SIGN_IN_ERRORS)
async def sign_in(request: Request, response: Response, form: Annotated[SignIn, Form()]) -> Token:
    """Gives a token for a user's name and password; after repeated failures only more and more slowly."""
    username, password = clean(form.username), form.password.get_secret_value()
    attempt = slowdown.Attempt(username, request.client.host if request.client else "")
    async with async_session() as session, session.begin():
        if seconds := await attempt.begin(session):
            raise HTTPException(429, f"Too many failures: try again in {seconds} s", {"Retry-After": str(seconds)})
        user = await User.async_first(session, func.lower(User.username) == username.lower(), User.is_active)
    # no connection is held, and no attempt uncounted, while this takes its time
    is_right, renewed = await passwords.check(password, user.password_hash if user is not None else None)
    if user is None or not is_right:
        raise HTTPException(401, "The user's name or the password is wrong", {"WWW-Authenticate": "Bearer"})
    async with async_session() as session, session.begin():
        await attempt.succeed(session)
        await slowdown.forget_old(session)
        if renewed is not None:  # unless the password has been changed meanwhile
            unchanged = (User.id == user.id, User.password_hash == user.password_hash)
            await session.execute(update(User).where(*unchanged).values(password_hash=renewed))
    response.headers["Cache-Control"] = "no-store"
    return Token(access_token=tokens.issue(user), expires_in=settings.ACCESS_TOKEN_MINUTES * 60)


@router.get("/users/me", summary="Who am I?", responses=USER_ERRORS)
async def show_me(user: ActiveUser) -> UserRow:
    """The signed-in user."""
    return UserRow.model_validate(user)


@router.get("/users", summary="Who may sign in", dependencies=[Depends(get_admin)], responses=ADMIN_ERRORS)
async def list_users(session: Transaction, paging: PagingParameters) -> Page[UserRow]:
    """One page of the users, in the order of their numbers."""
    rows, total = await User.async_offset_records(session, limit=paging.limit, offset=paging.offset)
    items = [UserRow.model_validate(row) for row in rows]
    return Page(items=items, total=total, limit=paging.limit, offset=paging.offset)


@router.post(
    "/users/create",
    status_code=201,
    summary="Create a user",
    dependencies=[Depends(get_admin)],
    responses=ADMIN_ERRORS | {409: {"model": ErrorBody, "description": "The name is taken, whatever its case"}},
)
async def create_user(new: NewUser) -> UserRow:
    """Creates a user, who may sign in at once."""
    password_hash = await passwords.make_hash(new.password.get_secret_value())
    values = new.model_dump(exclude={"password"})
    try:
        async with async_session() as session, session.begin():
            user = await User.async_create(session, password_hash=password_hash, **values)
    except IntegrityError:
        raise HTTPException(409, f"There is a user {new.username!r} already: choose another name") from None
    return UserRow.model_validate(user)


@router.patch(
    "/users/{user_id}",
    summary="Change a user",
    dependencies=[Depends(get_admin)],
    responses=ADMIN_ERRORS
    | {
        404: {"model": ErrorBody, "description": "There is no such user"},
        409: {"model": ErrorBody, "description": "Nobody would be an active admin any more"},
    },
)
async def change_user(
    user_id: Annotated[int, Path(ge=1, le=2**63 - 1, description="The number", examples=[1])], change: UserChange
) -> UserRow:
    """Changes what is named; a new password or a deactivation ends the user's tokens at once."""
    values = change.model_dump(exclude={"password"}, exclude_none=True)
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
            raise HTTPException(404, f"There is no user {user_id}: GET /users lists them")
        was_admin = user.is_admin and user.is_active
        await user.async_update(session, **values)
        if was_admin and not any(user.is_admin and user.is_active for user in users):
            raise HTTPException(409, f"{user.username!r} is the last active admin: make somebody else one first")
    return UserRow.model_validate(user)
