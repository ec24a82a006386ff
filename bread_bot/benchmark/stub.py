"""A Bot API that says yes to everything, and tells when it was sent the answer to which message: GET /answers."""

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

_OK = json.dumps(
    {"ok": True, "result": {"message_id": 1, "date": 1, "id": 1, "is_bot": True, "chat": {"id": 1, "type": "group"}}}
).encode()
_sent: list[tuple[float, bytes]] = []


async def app(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Answer a call."""
    if scope["type"] != "http":
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    answer = _OK
    if scope["path"] == "/answers":
        answer = json.dumps({_replied(sent): moment for moment, sent in _sent}).encode()
        _sent.clear()
    elif scope["path"].endswith("/sendMessage"):
        _sent.append((time.monotonic(), body))  # the same clock in every process of a machine
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


def _replied(body: bytes) -> int:
    return int(json.loads(body).get("reply_parameters", {}).get("message_id", 0))
