"""What the users' API takes and gives."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import PydanticCustomError

from bread_bot.auth.passwords import LONGEST, SHORTEST


def _told(value: object, validate: ValidatorFunctionWrapHandler) -> object:
    """Say what a password needs instead of how many "items" it has."""
    try:
        return validate(value)
    except ValueError:
        raise PydanticCustomError("password", f"A password has {SHORTEST} to {LONGEST} characters") from None


Username = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
Email = Annotated[str, Field(pattern=r"^[^@\s\x00]+@[^@\s\x00]+$", max_length=254)]
EmailChange = Annotated[str, Field(pattern=r"^([^@\s\x00]+@[^@\s\x00]+)?$", max_length=254)]
Password = Annotated[SecretStr, Field(min_length=SHORTEST, max_length=LONGEST), WrapValidator(_told)]


class SignIn(BaseModel):
    """The form of OAuth2's password grant; its other fields are ignored, as RFC 6749 asks for."""

    grant_type: Literal["password"] = Field("password", description="Always password", examples=["password"])
    username: str = Field(max_length=64, description="The name, in any case", examples=["baker"])
    password: SecretStr = Field(max_length=LONGEST, description="The password", examples=["correct horse battery"])


class Token(BaseModel):
    """A token to send as `Authorization: Bearer …`."""

    access_token: str = Field(description="The token", examples=["eyJhbGciOiJIUzI1NiJ9.e30.c2ln"])
    token_type: Literal["bearer"] = Field("bearer", description="Always bearer", examples=["bearer"])
    expires_in: int = Field(description="For how many seconds it holds", examples=[3600])


class NewUser(BaseModel):
    """A user to create."""

    model_config = ConfigDict(extra="forbid")

    username: Username = Field(description="Latin letters, digits, _ . -; unique in any case", examples=["baker"])
    email: Email | None = Field(None, description="An e-mail address", examples=["baker@example.com"])
    password: Password = Field(description=f"{SHORTEST} to {LONGEST} characters", examples=["correct horse battery"])
    is_admin: bool = Field(False, description="Whether they may use the whole API", examples=[False])


class UserChange(BaseModel):
    """What to change of a user; what is left out, or null, stays."""

    model_config = ConfigDict(extra="forbid")

    email: EmailChange | None = Field(
        None, description="An e-mail address; an empty text takes it away", examples=["baker@example.com"]
    )
    password: Password | None = Field(
        None, description=f"{SHORTEST} to {LONGEST} characters", examples=["correct horse battery"]
    )
    is_admin: bool | None = Field(None, description="Whether they may use the whole API", examples=[True])
    is_active: bool | None = Field(None, description="Whether they may sign in", examples=[False])


class UserRow(BaseModel):
    """A user, without the password."""

    model_config = ConfigDict(from_attributes=True)

    id: int = Field(description="The number", examples=[1])
    username: str = Field(description="The name to sign in with", examples=["baker"])
    email: str | None = Field(description="The e-mail address", examples=["baker@example.com"])
    is_admin: bool = Field(description="Whether they may use the whole API", examples=[True])
    is_active: bool = Field(description="Whether they may sign in", examples=[True])
    created_at: datetime = Field(description="When they were created", examples=["2026-01-01T00:00:00Z"])
