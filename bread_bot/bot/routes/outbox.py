"""Messages on their way, and updates that were set aside, for admins."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, HTTPException, Path, Query, Request
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from bread_bot.auth.dependencies import get_admin
from bread_bot.bot.answers import Answer
from bread_bot.bot.failures import try_again
from bread_bot.bot.models import Chat, FailedUpdate, OutboxMessage
from bread_bot.bot.schemas.rest import FailedUpdateRow, Message, OutboxRow, Queued
from bread_bot.bot.telegram import Destination, sendings
from bread_bot.main.database.base import async_session
from bread_bot.utils.dependencies import PagingParameters, Transaction
from bread_bot.utils.structs import ErrorBody, Page
from bread_bot.utils.text import clean

router = APIRouter(
    tags=["delivery"],
    dependencies=[Depends(get_admin)],
    responses={401: {"model": ErrorBody}, 403: {"model": ErrorBody}},
)
Id = Annotated[int, Path(ge=1, le=2**63 - 1)]
_MISSING: dict[int | str, dict[str, object]] = {404: {"model": ErrorBody, "description": "There is none"}}


@router.post(
    "/send_message",
    status_code=202,
    summary="Say something in a chat",
    responses=_MISSING | {409: {"model": ErrorBody, "description": "The bot has left the chat"}},
)
async def send_message(
    request: Request,
    message: Message,
    idempotency_key: Annotated[str | None, Header(max_length=200, description="Repeat it to say it once")] = None,
) -> Queued:
    """Puts a message into the outbox; it leaves at once. The same Idempotency-Key never sends twice."""
    outbox = request.app.state.outbox
    said = clean(message.text)
    if not said.strip():
        raise HTTPException(422, "The text is blank")
    async with async_session() as session:
        if idempotency_key is not None and (earlier := await _said_before(session, idempotency_key)):
            return Queued(ids=earlier)
        chat = await Chat.async_get(session, message.chat_id)
        if chat is None:
            raise HTTPException(404, f"There is no chat {message.chat_id}; GET /chats lists them")
        if chat.left_at is not None:
            raise HTTPException(409, f"The bot can't write to chat {message.chat_id}: it was blocked or removed there")
        parts = [(None, one) for one in sendings(Answer(said), Destination(message.chat_id))]
        stored = await outbox.store(session, parts, idempotency_key=idempotency_key)
        await session.commit()
    outbox.send(stored)
    return Queued(ids=[row.id for row in stored.rows])


async def _said_before(session: AsyncSession, idempotency_key: str) -> list[int]:
    """The parts of what was said under this key; until the transaction ends, nobody else says anything under it."""
    # two at once: the second waits here until the first is committed
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": idempotency_key})
    first = await OutboxMessage.async_first(session, OutboxMessage.idempotency_key == idempotency_key)
    if first is None:
        return []
    # the first part has the key; what one transaction stores has one time
    parts = await OutboxMessage.async_filter(
        session,
        OutboxMessage.chat_id == first.chat_id,
        OutboxMessage.created_at == first.created_at,
        OutboxMessage.id >= first.id,
        order_by=OutboxMessage.id,
    )
    return [part.id for part in parts]


@router.get("/outbox", summary="Answers on their way, or refused")
async def list_outbox(
    session: Transaction,
    paging: PagingParameters,
    state: Annotated[Literal["waiting", "dead", "sent", "dropped"], Query(description="Which ones")] = "dead",
) -> Page[OutboxRow]:
    """One page of the outbox."""
    rows, total = await OutboxMessage.async_offset_records(
        session, OutboxMessage.state == state, limit=paging.limit, offset=paging.offset
    )
    items = [OutboxRow.model_validate(row) for row in rows]
    return Page(items=items, total=total, limit=paging.limit, offset=paging.offset)


@router.put("/outbox/{message_id}/retry", status_code=204, summary="Try a dead answer again", responses=_MISSING)
async def retry_message(request: Request, message_id: Id) -> None:
    """Puts a dead answer back into its chat's queue; one that waits or was sent is left alone."""
    if not await request.app.state.outbox.retry(message_id):
        raise HTTPException(404, f"There is no message {message_id} in the outbox")


@router.delete(
    "/outbox/{message_id}",
    status_code=204,
    summary="Throw a dead answer away",
    responses={409: {"model": ErrorBody, "description": "It still waits"}},
)
async def delete_message(session: Transaction, message_id: Id) -> None:
    """Deletes an answer that does not wait any more; nothing happens when there is none."""
    message = await session.scalar(select(OutboxMessage).where(OutboxMessage.id == message_id).with_for_update())
    if message is None:
        return
    if message.state == "waiting":
        raise HTTPException(409, f"Message {message_id} still waits to be sent")
    await message.async_delete(session)


@router.get("/failed_updates", summary="Updates that a bug keeps from being handled")
async def list_failed(
    session: Transaction,
    paging: PagingParameters,
    set_aside: Annotated[bool, Query(description="Only those that are not tried any more by themselves")] = True,
) -> Page[FailedUpdateRow]:
    """One page of them, with their traces."""
    conditions = [FailedUpdate.set_aside_at.is_not(None)] if set_aside else []
    rows, total = await FailedUpdate.async_offset_records(
        session, *conditions, limit=paging.limit, offset=paging.offset
    )
    items = [FailedUpdateRow.model_validate(row) for row in rows]
    return Page(items=items, total=total, limit=paging.limit, offset=paging.offset)


@router.put("/failed_updates/{number}/retry", status_code=204, summary="Handle it again", responses=_MISSING)
async def retry_failed(request: Request, number: Id) -> None:
    """Handles an update once more, and forgets it when that succeeds."""
    if not await try_again(number, request.app.state.dispatcher.retry):
        raise HTTPException(404, f"There is no failed update {number}")


@router.delete("/failed_updates/{number}", status_code=204, summary="Forget it")
async def delete_failed(session: Transaction, number: Id) -> None:
    """Deletes a failed update; nothing happens when there is none."""
    row = await FailedUpdate.async_get(session, number)
    if row is not None:
        await row.async_delete(session)
