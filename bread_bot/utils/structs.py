"""Small shapes that several apps share."""

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")


class FieldError(BaseModel):
    """What is wrong with one field of a request."""

    field: str = Field(description="The field's name, with dots for nested ones", examples=["username"])
    message: str = Field(description="What is wrong with it", examples=["Field required"])


class ErrorBody(BaseModel):
    """The answer to a request that fails."""

    model_config = ConfigDict(title="Error")

    detail: str = Field(description="What is wrong, and what to do", examples=["There is no chat -100"])
    code: str = Field(description="The same for programs", examples=["not_found"])
    error_id: str = Field(description="Look for it in the log", examples=["4bf92f3577b34da6a3ce929d0e0e4736"])
    errors: list[FieldError] = Field(default=[], description="For status 422: field by field")


class Page(BaseModel, Generic[T]):
    """One page of a longer list."""

    items: list[T] = Field(description="This page")
    total: int = Field(description="How many there are in all", examples=[1])
    limit: int = Field(description="How many a page has at most", examples=[50])
    offset: int = Field(description="How many come before this page", examples=[0])
