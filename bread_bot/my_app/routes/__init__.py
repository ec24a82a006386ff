"""The example's resource: /my_app/notes."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query

from bread_bot.auth.dependencies import ADMIN_ERRORS, get_admin
from bread_bot.bot.models import Chat
from bread_bot.my_app.models import Note
from bread_bot.my_app.schemas import ChatId, NewNote, NoteRow
from bread_bot.utils.dependencies import PagingParameters, Transaction
from bread_bot.utils.structs import ErrorBody, Page

router = APIRouter(prefix="/my_app", tags=["my_app"], dependencies=[Depends(get_admin)], responses=ADMIN_ERRORS)


@router.get("/notes", summary="The notes")
async def list_notes(
    session: Transaction,
    paging: PagingParameters,
    chat_id: Annotated[ChatId | None, Query(description="Only those of this chat")] = None,
) -> Page[NoteRow]:
    """One page of the notes, of all chats or of one."""
    conditions = [Note.chat_id == chat_id] if chat_id is not None else []
    rows, total = await Note.async_offset_records(session, *conditions, limit=paging.limit, offset=paging.offset)
    items = [NoteRow.model_validate(row) for row in rows]
    return Page(items=items, total=total, limit=paging.limit, offset=paging.offset)


@router.post(
    "/notes",
    status_code=201,
    summary="Keep a note",
    responses={404: {"model": ErrorBody, "description": "There is no such chat"}},
)
async def create_note(session: Transaction, new: NewNote) -> NoteRow:
    """Keeps a note for a chat that the bot knows."""
    if await Chat.async_get(session, new.chat_id) is None:
        raise HTTPException(404, f"There is no chat {new.chat_id}: GET /chats lists them")
    return NoteRow.model_validate(await Note.async_create(session, **new.model_dump()))
