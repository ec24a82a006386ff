"""POST /: Telegram's updates."""

from collections.abc import Callable, Coroutine
from hmac import compare_digest
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.routing import APIRoute

from bread_bot.bot.errors import MalformedUpdate
from bread_bot.bot.schemas.update import read_update


class PlainRoute(APIRoute):
    """A route whose endpoint takes the request and gives the response, with nothing solved or validated between."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint itself: FastAPI's work for it would be a sixth of an update's time."""
        return self.endpoint


router = APIRouter(tags=["telegram"], route_class=PlainRoute)

# With 200 and nothing more Telegram is content.
_DONE = Response(status_code=200, media_type="application/json", content=b"{}")


@router.post(
    "/",
    summary="Telegram's webhook",
    response_class=Response,
    responses={
        200: {"description": "Handled, and committed"},
        400: {"description": "No Update"},
        403: {"description": "The secret is wrong"},
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "title": "Update",
                        "description": "See core.telegram.org/bots/api#update",
                        "required": ["update_id"],
                        "properties": {"update_id": {"type": "integer"}},
                    },
                    "example": {"update_id": 1},
                }
            },
        }
    },
)
async def receive_update(request: Request) -> Response:
    """Handles an update. An answer of 2xx means that all it changes is committed, any other that nothing is."""
    secret = request.app.state.webhook_secret
    if secret is not None:
        told = request.headers.get("x-telegram-bot-api-secret-token", "")
        if not compare_digest(told.encode(), secret.encode()):
            raise HTTPException(403, "The header X-Telegram-Bot-Api-Secret-Token is not the webhook's secret")
    try:
        update = read_update(await request.body())
    except MalformedUpdate as error:
        raise HTTPException(400, str(error)) from None
    await request.app.state.dispatcher.handle(update)
    return _DONE
