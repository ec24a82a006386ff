"""Answers on their way out, and updates that a bug keeps from being handled."""

import logging
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, cast, delete, func, select
from sqlalchemy.orm import defer
from starlette.requests import Request
from starlette_admin.actions import ActionSelection, action, row_action
from starlette_admin.exceptions import ActionFailed
from starlette_admin.fields import BooleanField, EnumField, IntegerField, StringField
from starlette_admin.flash import flash

from bread_bot.admin.views.people import chat_title, title_chats
from bread_bot.admin.views.view import View, code, moment
from bread_bot.bot.failures import try_again
from bread_bot.bot.models import FailedUpdate, OutboxMessage
from bread_bot.main.database.base import async_session
from bread_bot.utils.text import cut

logger = logging.getLogger(__name__)

_RETRY = "Try again"
_RETRY_ICON = "fa-solid fa-rotate-right"


class OutboxView(View):
    """Answers that wait, or that Telegram has refused."""

    key, display_name, menu_label, icon = "outbox", "Answer", "Outbox", "fa-solid fa-paper-plane"
    searched = (OutboxMessage.payload["text"].astext, OutboxMessage.error)
    numbers = ("id", "chat_id", "update_id")
    actions = ("retry", "delete")
    row_actions = ("view", "retry", "delete")
    fields_default_sort = [("id", True)]
    fields = [
        chat_title(),
        IntegerField("chat_id", "Chat's id", exclude_from_list=True),
        EnumField("state", "State", choices=["waiting", "dead"]),
        StringField(
            "said", "Text", filters=[], getter=lambda _, row: row.payload.get("text") or row.payload.get("caption")
        ),
        StringField("error", "Error"),
        IntegerField("attempts", "Attempts"),
        moment("created_at", "Written"),
        StringField("method", "Method", exclude_from_list=True),
        StringField("about", "Key", exclude_from_list=True),
        IntegerField("update_id", "Update", exclude_from_list=True),
        IntegerField("id", "Number"),
        code("payload", "Payload"),
    ]
    sortable_fields = ["id", "method", "state", "attempts", "created_at"]

    def can_delete(self, request: Request) -> bool:
        """Yes."""
        return True

    def get_list_query(self, request: Request) -> Select[Any]:
        """Without the bytes of media, which nobody looks at here."""
        return _unsent(select(OutboxMessage).options(defer(OutboxMessage.content)))

    def get_count_query(self, request: Request) -> Select[Any]:
        """The same, counted."""
        return _unsent(select(func.count()).select_from(OutboxMessage))

    async def complete(self, request: Request, rows: Sequence[Any]) -> None:
        """The chats' titles."""
        await title_chats(request, rows)

    async def is_row_action_allowed_for_obj(self, request: Request, name: str, obj: Any) -> bool:
        """One that waits goes its way."""
        return (name == "view" or obj.state == "dead") and await self.is_row_action_allowed(request, name)

    @row_action("retry", _RETRY, icon_class=_RETRY_ICON, action_btn_class="btn btn-primary")
    async def retry_one(self, request: Request, pk: Any) -> None:
        """Put a dead answer to the end of its chat's queue."""
        await self._retry(request, [await self.wanted(request, pk)])

    @action("retry", _RETRY, icon_class=_RETRY_ICON)
    async def retry_several(self, request: Request, selection: ActionSelection) -> None:
        """The same with several, in the order in which they were said."""
        await self._retry(request, sorted(await selection.rows(), key=lambda row: row.id))

    async def _retry(self, request: Request, rows: Sequence[Any]) -> None:
        done = [await self.application.state.outbox.retry(row.id) for row in rows if row.state == "dead"]
        flash(request, f"On their way again: {sum(done)}", "success")

    async def remove(self, numbers: Sequence[int]) -> int:
        """Throw dead answers away."""
        return await _delete(OutboxMessage, OutboxMessage.id.in_(numbers), OutboxMessage.state == "dead")


def _unsent(query: Select[Any]) -> Select[Any]:
    return query.where(OutboxMessage.state.in_(["waiting", "dead"]))


class FailedUpdateView(View):
    """Updates that could not be handled; from `set_aside_at` on they are not tried again by themselves."""

    key, display_name, menu_label, icon = "failed", "Failed update", "Set aside", "fa-solid fa-triangle-exclamation"
    searched = (FailedUpdate.error, cast(FailedUpdate.body, Text))
    numbers = ("id", "update_id")
    actions = ("delete",)
    row_actions = ("view", "retry", "delete")
    fields_default_sort = [("id", True)]
    fields = [
        IntegerField("update_id", "Update"),
        StringField("reason", "Error", getter=lambda _, row: _reason(row.error), filters=[]),
        IntegerField("attempts", "Attempts"),
        BooleanField("is_set_aside", "Set aside", getter=lambda _, row: row.set_aside_at is not None, filters=[]),
        moment("set_aside_at", "Set aside at", exclude_from_list=True),
        moment("created_at", "First failed"),
        IntegerField("id", "Number", exclude_from_list=True),
        code("error", "Trace"),
        code("body", "Update's body"),
    ]
    sortable_fields = ["id", "update_id", "attempts", "created_at"]

    def can_delete(self, request: Request) -> bool:
        """Yes."""
        return True

    @row_action("retry", _RETRY, icon_class=_RETRY_ICON, action_btn_class="btn btn-primary")
    async def retry(self, request: Request, pk: Any) -> None:
        """Handle an update once more; it is forgotten when that succeeds."""
        failed = await self.wanted(request, pk)
        try:
            await try_again(failed.id, self.application.state.dispatcher.retry)
        except Exception as error:
            logger.warning("An update that was tried again has failed again", exc_info=error)
            raise ActionFailed(f"It has failed again: {type(error).__name__}: {error}"[:300]) from None
        flash(request, f"Update {failed.update_id} is handled", "success")

    async def remove(self, numbers: Sequence[int]) -> int:
        """Forget updates; they will never be handled."""
        return await _delete(FailedUpdate, FailedUpdate.id.in_(numbers))


def _reason(trace: str) -> str:
    """What a trace says has happened: the first line below the last place that it names, or its last one."""
    *_, below = trace.strip().split('\n  File "')
    lines = below.splitlines() or [""]
    return cut(next((line for line in lines[1:] if not line.startswith(" ")), lines[-1]), 300)


async def _delete(model: type[FailedUpdate] | type[OutboxMessage], *conditions: ColumnElement[bool]) -> int:
    async with async_session() as session, session.begin():
        return len((await session.scalars(delete(model).where(*conditions).returning(model.id))).all())
