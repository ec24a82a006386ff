"""Chats and members."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from starlette.requests import Request
from starlette_admin.actions import link_row_action, row_action
from starlette_admin.fields import BooleanField, EnumField, IntegerField, StringField
from starlette_admin.flash import flash

from bread_bot.admin.views.view import View, code, moment
from bread_bot.bot.forgetting import forget_everybody
from bread_bot.bot.models import Chat, Member
from bread_bot.main.database.base import async_session


class ChatView(View):
    """The chats that the bot knows."""

    key, display_name, menu_label, icon = "chats", "Chat", "Chats", "fa-solid fa-comments"
    searched = (Chat.title, Chat.username)
    row_actions = ("view", "taught", "forget")
    fields_default_sort = [("updated_at", True)]
    fields = [
        StringField("title", "Title"),
        EnumField("type", "Type", choices=["private", "group", "supergroup"]),
        StringField("username", "Username"),
        BooleanField("is_there", "Bot is there", getter=lambda _, chat: chat.left_at is None, filters=[]),
        moment("left_at", "Left", exclude_from_list=True),
        moment("administrators_at", "Administrators read", exclude_from_list=True),
        moment("created_at", "First seen", exclude_from_list=True),
        moment("updated_at", "Changed"),
        IntegerField("id", "Id"),
        code("settings", "Settings"),
    ]
    sortable_fields = ["id", "type", "title", "username", "created_at", "updated_at"]

    def called(self, row: Any) -> str:
        """Its title."""
        return row.title or f"Chat {row.id}"

    @link_row_action("taught", "Taught values", icon_class="fa-solid fa-graduation-cap")
    def show_taught(self, request: Request, pk: Any) -> str:
        """The list of what the chat has taught."""
        return str(request.url_for(f"{request.app.state.ROUTE_NAME}:list", key="taught").include_query_params(q=pk))

    @row_action(
        "forget",
        "Forget its people",
        confirmation="Everything counted about the people of this chat and learnt from what they said goes, for good."
        " What they have taught stays; counting and learning begin anew.",
        header="Forget its people?",
        submit_btn_text="Forget",
        submit_btn_class="btn btn-danger",
        action_btn_class="btn btn-danger",
        icon_class="fa-solid fa-eraser",
        modal_size="md",
    )
    async def forget(self, request: Request, pk: Any) -> None:
        """Forget what is known of everybody in a chat."""
        chat = await self.wanted(request, pk)
        async with async_session() as session, session.begin():
            await forget_everybody(session, chat.id)
        flash(request, f"The people of “{await self.repr(chat, request)}” are forgotten", "success")


class MemberView(View):
    """The people whom the bot has seen."""

    key, display_name, menu_label, icon = "members", "Member", "Members", "fa-solid fa-users"
    searched = (Member.first_name, Member.last_name, Member.username)
    fields_default_sort = [("updated_at", True)]
    fields = [
        StringField("first_name", "First name"),
        StringField("last_name", "Last name"),
        StringField("username", "Username"),
        moment("created_at", "First seen"),
        moment("updated_at", "Changed"),
        IntegerField("id", "Id"),
    ]

    def called(self, row: Any) -> str:
        """Their name."""
        return " ".join(filter(None, (row.first_name, row.last_name))) or f"Member {row.id}"


async def title_chats(request: Request, rows: Sequence[Any]) -> None:
    """Tell rows that belong to chats the titles of these: `chat_title`."""
    found = await request.state.session.execute(
        select(Chat.id, Chat.title).where(Chat.id.in_({row.chat_id for row in rows}))
    )
    titles = {chat.id: chat.title for chat in found}
    for row in rows:
        row.chat_title = titles.get(row.chat_id) or str(row.chat_id)


def chat_title() -> StringField:
    """A field for what `title_chats` has told."""
    return StringField(
        "chat_title", "Chat", filters=[], exclude_from_edit=True, detail_template="fields/detail/chat.html"
    )
