"""Commands about users."""

import os
import sys
from typing import Annotated

import typer
from pydantic import SecretStr, ValidationError

from bread_bot.auth import users
from bread_bot.auth.schemas import NewUser
from bread_bot.main.commands import application, fail, run


@application.command("create-admin")
def create_admin(
    username: Annotated[str, typer.Argument(help="The name to sign in with: Latin letters, digits, _ . -")],
    email: Annotated[str | None, typer.Option(help="An e-mail address")] = None,
) -> None:
    """Create an admin of the API; the password is asked for twice, or read from ADMIN_PASSWORD."""
    try:
        new = NewUser(username=username, email=email, password=SecretStr(_password()), is_admin=True)
    except ValidationError as error:
        fail("; ".join(f"{one['loc'][0]}: {one['msg']}" for one in error.errors()))
    try:
        run(users.create(new))
    except users.NameTaken as error:
        fail(f"{error}.")
    typer.echo(f"Admin {username!r} is created: sign in at /admin, or with POST /token.")


def _password() -> str:
    if password := os.environ.get("ADMIN_PASSWORD"):
        return password
    if not sys.stdin.isatty():
        fail("There is no terminal to ask for the password at: set ADMIN_PASSWORD.")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
