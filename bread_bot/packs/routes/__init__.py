"""A chat's taught values, for admins."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Query
from sqlalchemy import or_
from sqlalchemy.ext.asyncio import AsyncSession

from bread_bot.auth.dependencies import get_admin
from bread_bot.bot.answers import Answer
from bread_bot.bot.models import Chat
from bread_bot.packs import pack, values
from bread_bot.packs.models import Taught
from bread_bot.packs.reactions import Reaction
from bread_bot.packs.schemas import NewTaught, TaughtChange, TaughtRow
from bread_bot.utils.dependencies import PagingParameters, Transaction
from bread_bot.utils.structs import ErrorBody, Page
from bread_bot.utils.text import clean

router = APIRouter(
    prefix="/chats/{chat_id}/taught",
    tags=["taught values"],
    dependencies=[Depends(get_admin)],
    responses={401: {"model": ErrorBody}, 403: {"model": ErrorBody}, 404: {"model": ErrorBody}},
)
ChatId = Annotated[int, Path(ge=-(2**63), le=2**63 - 1, description="Telegram's id of the chat")]
ValueId = Annotated[int, Path(ge=1, le=2**63 - 1, description="The number of the value")]
_CONFLICT: dict[int | str, dict[str, Any]] = {409: {"model": ErrorBody, "description": "It is taught already"}}


@router.get("", summary="What a chat has taught")
async def list_taught(
    session: Transaction,
    chat_id: ChatId,
    paging: PagingParameters,
    reaction: Annotated[Reaction | None, Query(description="Only this kind")] = None,
    search: Annotated[str | None, Query(max_length=200, description="Part of a key or value")] = None,
) -> Page[TaughtRow]:
    """One page of the values, in the order of their numbers."""
    await _chat(session, chat_id)
    conditions = [Taught.chat_id == chat_id]
    if reaction is not None:
        conditions.append(Taught.reaction == reaction)
    if search:
        columns = (Taught.key, Taught.value, Taught.caption)
        conditions.append(or_(*(column.icontains(clean(search), autoescape=True) for column in columns)))
    rows, total = await Taught.async_offset_records(session, *conditions, limit=paging.limit, offset=paging.offset)
    items = [TaughtRow.model_validate(row) for row in rows]
    return Page(items=items, total=total, limit=paging.limit, offset=paging.offset)


@router.post("", status_code=201, summary="Teach a value", responses=_CONFLICT)
async def teach(session: Transaction, chat_id: ChatId, new: NewTaught) -> TaughtRow:
    """Teaches a chat one value."""
    await _chat(session, chat_id)
    said = Answer(clean(new.value), new.kind, clean(new.caption) if new.caption is not None else None)
    with _refused():
        row = await values.teach(session, chat_id, "API", new.reaction, clean(new.key), said)
    return TaughtRow.model_validate(row)


@router.patch("/{value_id}", summary="Change a value", responses=_CONFLICT)
async def change(session: Transaction, chat_id: ChatId, value_id: ValueId, change: TaughtChange) -> TaughtRow:
    """Changes a value; it keeps its author, and gets a new number."""
    row = await _value(session, chat_id, value_id)
    told = {name: clean(value) for name, value in change.model_dump(exclude_none=True).items()}
    with _refused():
        row = await values.change(
            session,
            row,
            "API",
            key=told.get("key", row.key),
            value=told.get("value", row.value),
            caption=told.get("caption", row.caption),
        )
    return TaughtRow.model_validate(row)


@router.delete("/{value_id}", status_code=204, summary="Delete a value")
async def delete(session: Transaction, chat_id: ChatId, value_id: ValueId) -> None:
    """Deletes a value; nothing happens when there is none (any more). The chat can take it back by «отмени»."""
    await _chat(session, chat_id)
    await pack.forget(session, chat_id, "API", Taught.id == value_id)


@contextmanager
def _refused() -> Iterator[None]:
    """Tell by the status what is wrong with a value."""
    try:
        yield
    except values.UnfitValue as error:
        raise HTTPException(422, str(error)) from None
    except values.TaughtAlready as error:
        raise HTTPException(409, str(error)) from None


async def _chat(session: AsyncSession, chat_id: int) -> None:
    if await Chat.async_get(session, chat_id) is None:
        raise HTTPException(404, f"There is no chat {chat_id}; GET /chats lists them")


async def _value(session: AsyncSession, chat_id: int, value_id: int) -> Taught:
    row = await Taught.async_first(session, Taught.chat_id == chat_id, Taught.id == value_id)
    if row is None:
        raise HTTPException(404, f"Chat {chat_id} has no value {value_id}")
    return row
