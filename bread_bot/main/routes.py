"""Whether the server lives, and whether it can work."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from bread_bot.main.database.base import is_unavailable
from bread_bot.main.database.migrations import is_at_head
from bread_bot.utils.middlewares import error_response
from bread_bot.utils.structs import ErrorBody

router = APIRouter(prefix="/health", tags=["health"])


class Health(BaseModel):
    """How the server is."""

    status: str = Field(description="ok", examples=["ok"])


@router.get("/live", summary="Is the process alive?")
async def tell_live() -> Health:
    """Answers as long as the process does."""
    return Health(status="ok")


@router.get("/ready", summary="Can it work?", responses={503: {"model": ErrorBody}}, response_model=Health)
async def tell_ready() -> object:
    """Answers 200 when the database is reachable and has the newest schema, else 503 with the reason."""
    try:
        ready = await is_at_head()
    except Exception as error:
        if not is_unavailable(error):
            raise
        return error_response(503, "unavailable", f"The database does not answer ({type(error).__name__})")
    if not ready:
        return error_response(503, "not_migrated", "The schema is not the newest: run `alembic upgrade head`")
    return Health(status="ok")
