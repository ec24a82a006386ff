"""What all tables of the site have in common."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import orjson
from fastapi import FastAPI
from pydantic import ValidationError
from sqlalchemy import ColumnElement, or_
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import InstrumentedAttribute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette_admin.contrib.sqla import ModelView
from starlette_admin.exceptions import ActionFailed, FormValidationError
from starlette_admin.fields import DateTimeField, TextAreaField
from starlette_admin.filters import FilterGroup
from starlette_admin.types import RequestAction

from bread_bot.main.database.base import async_session, is_unavailable
from bread_bot.utils.text import clean, cut

_FURTHEST = 2**31


class View(ModelView):
    """A table, which is only looked at unless a subclass says more.

    Every read takes a session of its own, so that no connection is held while a page is made or something is done.
    """

    searched: ClassVar[Sequence[ColumnElement[Any] | InstrumentedAttribute[Any]]] = ()
    numbers: ClassVar[Sequence[str]] = ("id",)
    exporters = ()
    importers = ()
    actions: Sequence[str] | None = ()
    row_actions: Sequence[str] | None = ("view",)
    page_size = 25
    page_size_options = (25, 100)  # making a page of 500 would hold all chats up for half a second

    def __init__(self, application: FastAPI, model: type[Any]) -> None:
        super().__init__(model)
        self.application = application

    def can_create(self, request: Request) -> bool:
        """Whether rows can be added."""
        return False

    def can_edit(self, request: Request) -> bool:
        """Whether rows can be changed."""
        return False

    def can_delete(self, request: Request) -> bool:
        """Whether rows can be deleted."""
        return False

    def can_export(self, request: Request) -> bool:
        """Whether rows can be downloaded."""
        return False

    def can_import(self, request: Request) -> bool:
        """Whether rows can be uploaded."""
        return False

    def called(self, row: Any) -> str:
        """What a row is called in titles and messages."""
        return f"{self.display_name} {row.id}"

    async def repr(self, obj: Any, request: Request) -> str:
        """The same, for starlette-admin."""
        return cut(self.called(obj), 60)

    def get_search_query(self, request: Request, term: str) -> ColumnElement[bool]:
        """What is found by a text: part of it, or the number."""
        conditions = [column.icontains(clean(term), autoescape=True) for column in self.searched]
        if (number := number_in(term)) is not None:
            conditions += [getattr(self.model, name) == number for name in self.numbers]
        return or_(*conditions)

    async def count(self, request: Request, q: str | None = None, filters: FilterGroup | None = None) -> int:
        """How many rows fit."""
        async with _reading(request):
            return await super().count(request, q, filters)

    async def find_all(
        self,
        request: Request,
        skip: int = 0,
        limit: int = 100,
        q: str | None = None,
        sorts: Sequence[tuple[str, str]] | None = None,
        filters: FilterGroup | None = None,
    ) -> Sequence[Any]:
        """One page of the rows that fit."""
        async with _reading(request):
            rows = await super().find_all(request, min(skip, _FURTHEST), limit, q, sorts, filters)
            await self.complete(request, rows)
        return rows

    async def find_by_pk(self, request: Request, pk: Any) -> Any:
        """The row of a number, if there is one."""
        return next(iter(await self.find_by_pks(request, [pk])), None)

    async def find_by_pks(self, request: Request, pks: list[Any]) -> Sequence[Any]:
        """The rows of several numbers."""
        async with _reading(request):
            rows = await super().find_by_pks(request, numbers_in(pks))
            await self.complete(request, rows)
        return rows

    async def complete(self, request: Request, rows: Sequence[Any]) -> None:
        """Read what else is shown of some rows."""

    async def handle_row_action(self, request: Request, pk: Any, name: str) -> Response | None:
        """Do something with a row, if it is still there."""
        await self.wanted(request, pk)
        return await super().handle_row_action(request, pk, name)

    async def delete(self, request: Request, pks: list[Any]) -> int:
        """Delete rows; how many there were."""
        deleted = await self.remove(numbers_in(pks))
        if not deleted:
            raise ActionFailed("There is nothing to delete any more")
        return deleted

    async def remove(self, numbers: Sequence[int]) -> int:
        """Delete what may be deleted of some rows; how many these are."""
        raise NotImplementedError

    async def wanted(self, request: Request, pk: Any) -> Any:
        """The row that something is to be done with.

        :raises ActionFailed: it is gone
        """
        row = await self.find_by_pk(request, pk)
        if row is None:
            raise ActionFailed("It is gone: somebody else was faster")
        return row


@asynccontextmanager
async def _reading(request: Request) -> AsyncIterator[None]:
    async with async_session() as session:
        request.state.session = session
        try:
            yield
        except DBAPIError as error:
            if is_unavailable(error) or not str(getattr(error.orig, "sqlstate", None)).startswith("22"):
                raise
            raise HTTPException(400, "No row can have such a value") from None


def number_in(text: Any) -> int | None:
    """The number that a text is, if a column can hold it."""
    try:
        number = int(text)
    except (TypeError, ValueError):
        return None
    return number if -(2**63) <= number < 2**63 else None


def numbers_in(texts: Sequence[Any]) -> list[int]:
    """The same for several texts; those that are none drop out."""
    return [number for text in texts if (number := number_in(text)) is not None]


def unfit(field: str, reason: str) -> FormValidationError:
    """What is wrong with a field of a form."""
    return FormValidationError({field: reason})


def refused(error: ValidationError) -> FormValidationError:
    """The same for all that Pydantic has found."""
    return FormValidationError({str(one["loc"][0]): one["msg"] for one in error.errors()})


def moment(name: str, label: str, **options: Any) -> DateTimeField:
    """A field for a time, UTC."""
    return DateTimeField(name, label, output_format="%Y-%m-%d %H:%M", exclude_from_edit=True, **options)


def code(name: str, label: str) -> TextAreaField:
    """A field that shows JSON or a trace as it is, on the page of one row."""

    def shown(_: Request, value: Any) -> str:
        return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()

    return TextAreaField(
        name,
        label,
        formatter={RequestAction.DETAIL: shown},
        detail_template="fields/detail/code.html",
        exclude_from_list=True,
        exclude_from_edit=True,
    )
