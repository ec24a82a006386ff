"""Chats and members, for admins."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from pydantic import AfterValidator
from sqlalchemy import func, or_, select

from bread_bot.auth.dependencies import get_admin
from bread_bot.bot.deferred import join_administrators
from bread_bot.bot.errors import TelegramError
from bread_bot.bot.models import Chat, ChatToMember, Member
from bread_bot.bot.schemas.rest import AdministratorRow, ChatRow, MemberRow
from bread_bot.bot.schemas.update import ChatMemberState
from bread_bot.main.database.base import async_session
from bread_bot.utils.dependencies import PagingParameters, Transaction
from bread_bot.utils.structs import ErrorBody, Page
from bread_bot.utils.text import clean

router = APIRouter(
    tags=["chats"],
    dependencies=[Depends(get_admin)],
    responses={401: {"model": ErrorBody}, 403: {"model": ErrorBody}},
)
_MISSING: dict[int | str, dict[str, object]] = {404: {"model": ErrorBody, "description": "There is none"}}
Search = Annotated[
    Annotated[str, AfterValidator(clean)] | None,
    Query(max_length=200, description="Part of a title, a name or a username"),
]
BigId = Annotated[int, Path(ge=-(2**63), le=2**63 - 1)]


@router.get("/chats", summary="The chats that the bot knows")
async def list_chats(
    session: Transaction,
    paging: PagingParameters,
    search: Search = None,
    type: Annotated[Literal["private", "group", "supergroup"] | None, Query(description="Only this type")] = None,
) -> Page[ChatRow]:
    """One page of the chats, in the order of their ids."""
    conditions = []
    if search:
        conditions.append(
            or_(Chat.title.icontains(search, autoescape=True), Chat.username.icontains(search, autoescape=True))
        )
    if type:
        conditions.append(Chat.type == type)
    rows, total = await Chat.async_offset_records(session, *conditions, limit=paging.limit, offset=paging.offset)
    items = [ChatRow.model_validate(row) for row in rows]
    return Page(items=items, total=total, limit=paging.limit, offset=paging.offset)


@router.get("/members", summary="The people whom the bot has seen")
async def list_members(
    session: Transaction,
    paging: PagingParameters,
    search: Search = None,
    chat_id: Annotated[int | None, Query(ge=-(2**63), le=2**63 - 1, description="Only those of this chat")] = None,
) -> Page[MemberRow]:
    """One page of the members, in the order of their ids."""
    conditions = []
    if search:
        columns = (Member.first_name, Member.last_name, Member.username)
        conditions.append(or_(*(column.icontains(search, autoescape=True) for column in columns)))
    if chat_id is not None:
        there = select(ChatToMember.member_id).where(ChatToMember.chat_id == chat_id, ChatToMember.left_at.is_(None))
        conditions.append(Member.id.in_(there))
    rows, total = await Member.async_offset_records(session, *conditions, limit=paging.limit, offset=paging.offset)
    items = [MemberRow.model_validate(row) for row in rows]
    return Page(items=items, total=total, limit=paging.limit, offset=paging.offset)


@router.get("/members/{member_id}", summary="One member", responses=_MISSING)
async def show_member(session: Transaction, member_id: BigId) -> MemberRow:
    """A member by Telegram's id."""
    member = await Member.async_get(session, member_id)
    if member is None:
        raise HTTPException(404, f"There is no member {member_id}; GET /members lists them")
    return MemberRow.model_validate(member)


@router.delete("/members/{member_id}", status_code=204, summary="Forget a member")
async def delete_member(session: Transaction, member_id: BigId) -> None:
    """Deletes a member with all that is counted about them; nothing happens when there is none (any more)."""
    member = await Member.async_get(session, member_id)
    if member is not None:
        await member.async_delete(session)


@router.get("/admins_of_chat/{chat_id}", summary="Who manages a chat", responses=_MISSING | {502: {"model": ErrorBody}})
async def list_administrators(request: Request, chat_id: BigId) -> list[AdministratorRow]:
    """The people who manage a group, as Telegram tells now."""
    async with async_session() as session:
        chat = await Chat.async_get(session, chat_id)
    if chat is None:
        raise HTTPException(404, f"There is no chat {chat_id}; GET /chats lists them")
    if chat.type == "private":
        return []
    try:
        found = await request.app.state.telegram.call("getChatAdministrators", {"chat_id": chat_id})
        states = [ChatMemberState.model_validate(one) for one in found]
    except (TelegramError, ValueError, TypeError) as error:
        raise HTTPException(502, f"Telegram does not tell: {error}") from None
    async with async_session() as session, session.begin():
        await join_administrators(session, chat_id, states)
        chat_row = await Chat.async_get(session, chat_id)
        if chat_row is not None:
            chat_row.administrators_at = func.now()
        manages = select(ChatToMember.member_id).where(ChatToMember.chat_id == chat_id, ChatToMember.is_administrator)
        rows = await Member.async_filter(session, Member.id.in_(manages))
    return [AdministratorRow.model_validate(row) for row in rows]
