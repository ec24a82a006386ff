"""Whether the server lives, whether it can work, and its figures."""

import platform
from hmac import compare_digest
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client.core import InfoMetricFamily
from pydantic import BaseModel, Field

from bread_bot.auth.dependencies import ADMIN_ERRORS, get_active_user, get_admin
from bread_bot.main.database.base import is_unavailable
from bread_bot.main.database.gauges import read_gauges
from bread_bot.main.database.migrations import is_at_head
from bread_bot.main.settings import settings
from bread_bot.utils import metrics
from bread_bot.utils.middlewares import error_response
from bread_bot.utils.structs import ErrorBody

router = APIRouter()

_bearer = HTTPBearer(description="METRICS_TOKEN, or an admin's token of POST /token", auto_error=False)


class Health(BaseModel):
    """How the server is."""

    status: str = Field(description="ok", examples=["ok"])


@router.get("/health/live", summary="Is the process alive?", tags=["health"])
async def tell_live() -> Health:
    """Answers as long as the process does."""
    return Health(status="ok")


@router.get(
    "/health/ready",
    summary="Can it work?",
    tags=["health"],
    responses={503: {"model": ErrorBody}},
    response_model=Health,
)
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


async def may_watch(shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> None:
    """Whoever shows METRICS_TOKEN may, without a look into the database, and so may admins."""
    if shown is None:
        reason = "Send METRICS_TOKEN, or an admin's token of POST /token, as `Authorization: Bearer <token>`"
        raise HTTPException(401, reason, {"WWW-Authenticate": "Bearer"})
    own = settings.METRICS_TOKEN
    if own is None or not compare_digest(shown.credentials.encode(), own.get_secret_value().encode()):
        await get_admin(await get_active_user(shown.credentials))


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    tags=["health"],
    dependencies=[Depends(may_watch)],
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **ADMIN_ERRORS},
)
async def show_metrics() -> Response:
    """The figures of all workers, and those that the database tells; while it is down, bread_bot_database_up is 0."""
    build = InfoMetricFamily(
        "bread_bot_build", "What is running.", {"version": settings.VERSION, "python": platform.python_version()}
    )
    body = metrics.exposition([build, *await read_gauges()])
    return Response(body, headers={"content-type": metrics.CONTENT_TYPE})
