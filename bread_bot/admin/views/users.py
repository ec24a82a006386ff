"""Who may sign in."""

from typing import Any

from pydantic import SecretStr, ValidationError
from starlette.requests import Request
from starlette_admin.fields import BooleanField, IntegerField, PasswordField, StringField

from bread_bot.admin.views.view import View, moment, refused, unfit
from bread_bot.auth import users
from bread_bot.auth.models import User
from bread_bot.auth.passwords import LONGEST, SHORTEST
from bread_bot.auth.schemas import NewUser, UserChange


class UserView(View):
    """The users of the API and of this site; passwords go in and never come out."""

    key, display_name, menu_label, icon = "users", "User", "Users", "fa-solid fa-user-shield"
    searched = (User.username, User.email)
    row_actions = ("view", "edit")
    fields = [
        StringField(
            "username", "Name", required=True, exclude_from_edit=True, help_text="Latin letters, digits, _ . -"
        ),
        StringField("email", "E-mail address"),
        PasswordField(
            "password",
            "Password",
            help_text=f"{SHORTEST} to {LONGEST} characters; left empty, a password stays as it is",
            form_template="fields/form/password.html",
            filters=[],
            exclude_from_list=True,
            exclude_from_detail=True,
        ),
        BooleanField("is_admin", "Admin", help_text="May use the whole API and this site"),
        BooleanField("is_active", "Active", help_text="May sign in", exclude_from_create=True),
        moment("created_at", "Created", exclude_from_create=True),
        IntegerField("id", "Number"),
    ]
    sortable_fields = ["id", "username", "email", "is_admin", "is_active", "created_at"]

    def can_create(self, request: Request) -> bool:
        """Yes."""
        return True

    def can_edit(self, request: Request) -> bool:
        """Yes."""
        return True

    def called(self, row: Any) -> str:
        """Their name."""
        return str(row.username)

    async def create(self, request: Request, data: dict[str, Any]) -> Any:
        """Create a user."""
        try:
            return await users.create(
                NewUser(
                    username=data["username"] or "",
                    email=data["email"] or None,
                    password=SecretStr(data["password"] or ""),
                    is_admin=data["is_admin"],
                )
            )
        except ValidationError as error:
            raise refused(error) from None
        except users.NameTaken as error:
            raise unfit("username", str(error)) from None

    async def edit(self, request: Request, pk: Any, data: dict[str, Any]) -> Any:
        """Change a user; a new password or a deactivation ends their tokens, also here, at once."""
        try:
            change = UserChange(
                email=data["email"] or "",
                password=SecretStr(data["password"]) if data["password"] else None,
                is_admin=data["is_admin"],
                is_active=data["is_active"],
            )
            return await users.change(int(pk), change)
        except ValidationError as error:
            raise refused(error) from None
        except users.UnknownUser as error:
            raise unfit("email", str(error)) from None
        except users.LastAdmin as error:
            raise unfit("is_admin", str(error)) from None
