"""A Bot API that says yes to everything, and tells how much it was asked: GET /count."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

_OK = json.dumps(
    {"ok": True, "result": {"message_id": 1, "date": 1, "id": 1, "is_bot": True, "chat": {"id": 1, "type": "group"}}}
).encode()
_COUNT = {"sent": 0}


async def app(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Answer a call."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    if scope["path"] == "/count":
        body = json.dumps(_COUNT).encode()
    else:
        _COUNT["sent"] += scope["path"].endswith("/sendMessage")
        body = _OK
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
