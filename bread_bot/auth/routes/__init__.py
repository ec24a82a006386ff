"""Signing in, and who may."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Path, Request, Response

from bread_bot.auth import tokens, users
from bread_bot.auth.dependencies import ADMIN_ERRORS, USER_ERRORS, ActiveUser, get_admin
from bread_bot.auth.models import User
from bread_bot.auth.schemas import NewUser, SignIn, Token, UserChange, UserRow
from bread_bot.main.settings import settings
from bread_bot.utils.dependencies import PagingParameters, Transaction
from bread_bot.utils.structs import ErrorBody, Page

router = APIRouter(tags=["users"])

_SIGN_IN_ERRORS: dict[int | str, dict[str, Any]] = {
    401: {"model": ErrorBody, "description": "The name or the password is wrong, or the user is deactivated"},
    429: {"model": ErrorBody, "description": "Too many failures; the header Retry-After tells the seconds to wait"},
}


@router.post("/token", summary="Sign in", responses=_SIGN_IN_ERRORS)
async def sign_in(request: Request, response: Response, form: Annotated[SignIn, Form()]) -> Token:
    """Gives a token for a user's name and password; after repeated failures only more and more slowly."""
    address = request.client.host if request.client else ""
    try:
        user = await users.sign_in(form.username, form.password.get_secret_value(), address)
    except users.TooManyFailures as error:
        raise HTTPException(429, str(error), {"Retry-After": str(error.seconds)}) from None
    except users.WrongPassword as error:
        raise HTTPException(401, str(error), {"WWW-Authenticate": "Bearer"}) from None
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
    try:
        user = await users.create(new)
    except users.NameTaken as error:
        raise HTTPException(409, str(error)) from None
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
    try:
        user = await users.change(user_id, change)
    except users.UnknownUser as error:
        raise HTTPException(404, str(error)) from None
    except users.LastAdmin as error:
        raise HTTPException(409, str(error)) from None
    return UserRow.model_validate(user)
