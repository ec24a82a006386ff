"""What chats have taught."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from sqlalchemy import ColumnElement, or_, select
from starlette.requests import Request
from starlette_admin.fields import EnumField, IntegerField, StringField, TextAreaField

from bread_bot.admin.views.people import chat_title, title_chats
from bread_bot.admin.views.view import View, moment, refused, unfit
from bread_bot.bot.answers import CAPTIONED, KIND_TITLES
from bread_bot.bot.models import Chat
from bread_bot.main.database.base import async_session
from bread_bot.packs import pack, values
from bread_bot.packs.models import Taught
from bread_bot.packs.reactions import Reaction
from bread_bot.packs.schemas import TaughtChange
from bread_bot.utils.text import clean

# What «отмени» calls a change that was made here.
_COMMAND = "админка"


class TaughtView(View):
    """Taught values: found by chat, key and value; edited and deleted as the chat's own commands would."""

    key, display_name, menu_label, icon = "taught", "Taught value", "Taught values", "fa-solid fa-graduation-cap"
    searched = (Taught.key, Taught.value, Taught.caption)
    numbers = ("id", "chat_id")
    actions = ("delete",)
    row_actions = ("view", "edit", "delete")
    fields_default_sort = [("id", True)]
    fields = [
        chat_title(),
        IntegerField("chat_id", "Chat's id", exclude_from_list=True, exclude_from_edit=True),
        EnumField("reaction", "Reaction", choices=[str(one) for one in Reaction], exclude_from_edit=True),
        StringField("key", "Key", help_text="Fallbacks and insults have none"),
        EnumField("kind", "Kind", choices=list(KIND_TITLES), exclude_from_edit=True),
        TextAreaField("value", "Value", help_text="The text, or the file_id of a medium", required=True),
        TextAreaField("caption", "Caption", rows=2, help_text="Of a medium", exclude_from_list=True),
        IntegerField("author_id", "Author's id", exclude_from_list=True, exclude_from_edit=True),
        moment("created_at", "Taught"),
        IntegerField("id", "Number"),
    ]
    sortable_fields = ["id", "reaction", "key", "kind", "created_at"]

    def can_edit(self, request: Request) -> bool:
        """Yes."""
        return True

    def can_delete(self, request: Request) -> bool:
        """Yes."""
        return True

    def called(self, row: Any) -> str:
        """Its reaction and key."""
        return f"{row.reaction} “{row.key}”" if row.key else f"{row.reaction} {row.id}"

    def get_search_query(self, request: Request, term: str) -> ColumnElement[bool]:
        """Also by the chat's title."""
        titled = select(Chat.id).where(Chat.title.icontains(clean(term), autoescape=True))
        return or_(super().get_search_query(request, term), Taught.chat_id.in_(titled))

    async def complete(self, request: Request, rows: Sequence[Any]) -> None:
        """The chats' titles."""
        await title_chats(request, rows)

    async def edit(self, request: Request, pk: Any, data: dict[str, Any]) -> Any:
        """Change the key, the value or the caption."""
        # forms end lines with CR LF
        told = {name: clean(data[name] or "").replace("\r\n", "\n").strip() for name in ("key", "value", "caption")}
        try:
            TaughtChange.model_validate(told)
        except ValidationError as error:
            raise refused(error) from None
        try:
            async with async_session() as session, session.begin():
                row = await Taught.async_get(session, int(pk))
                if row is None:
                    raise unfit("value", "Somebody has changed or deleted this value meanwhile: look at it again")
                if told["caption"] and row.kind not in CAPTIONED:
                    raise unfit("caption", f"A {row.kind} has no caption")
                key, value, caption = told["key"], told["value"], told["caption"] or None
                return await values.change(session, row, _COMMAND, key=key, value=value, caption=caption)
        except values.UnfitValue as error:
            raise unfit(error.field, str(error)) from None
        except values.TaughtAlready as error:
            raise unfit("value", str(error)) from None

    async def remove(self, numbers: Sequence[int]) -> int:
        """Delete values; their chats can take it back by «отмени»."""
        wanted = Taught.id.in_(numbers)
        async with async_session() as session, session.begin():
            chat_ids = await session.scalars(select(Taught.chat_id).where(wanted).distinct().order_by(Taught.chat_id))
            deleted = [await pack.forget(session, chat_id, _COMMAND, wanted) for chat_id in chat_ids.all()]
        return sum(map(len, deleted))
