"""What routes depend on: a transaction, and which page of a list is asked for."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query
from sqlalchemy.ext.asyncio import AsyncSession

from bread_bot.main.database.base import async_session


async def transaction() -> AsyncIterator[AsyncSession]:
    """A session whose transaction is committed before the answer goes out, and rolled back on an error."""
    async with async_session() as session, session.begin():
        yield session


# FastAPI would end it after the answer, and with it the chance to tell that the commit has failed.
Transaction = Annotated[AsyncSession, Depends(transaction, scope="function")]


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page of a list is asked for."""

    limit: Annotated[int, Query(ge=1, le=500, description="How many a page has at most")] = 50
    offset: Annotated[int, Query(ge=0, le=2**31, description="How many come before this page")] = 0


PagingParameters = Annotated[Paging, Depends()]
