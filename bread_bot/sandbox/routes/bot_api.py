"""The Bot API of the sandbox's Telegram."""

import json
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.datastructures import UploadFile

from bread_bot.sandbox.switch import SANDBOX_TOKEN
from bread_bot.sandbox.telegram import Refusal, Telegram

router = APIRouter(prefix="/sandbox/api", include_in_schema=False)


@router.post("/bot{token}/{method}")
async def answer_call(request: Request, token: str, method: str) -> Response:
    """Does what the bot calls for."""
    telegram: Telegram = request.app.state.sandbox
    trace = request.headers.get("traceparent", "").split("-")
    try:
        if token != SANDBOX_TOKEN:
            raise Refusal(401, "Unauthorized")
        params, uploads = await _read(request)
        result = await telegram.call(method, params, uploads, trace[1] if len(trace) > 1 else "")
    except Refusal as error:
        body: dict[str, Any] = {"ok": False, "error_code": error.status, "description": str(error)}
        return JSONResponse(body | ({"parameters": error.parameters} if error.parameters else {}), error.status)
    return JSONResponse({"ok": True, "result": result})


@router.get("/file/bot{token}/{file_id}")
async def give_file(request: Request, token: str, file_id: str) -> Response:
    """The bytes of a file."""
    telegram: Telegram = request.app.state.sandbox
    kept = await telegram.file(file_id) if token == SANDBOX_TOKEN else None
    return Response(kept.content) if kept is not None else Response(status_code=404)


async def _read(request: Request) -> tuple[dict[str, Any], dict[str, tuple[str, str, bytes]]]:
    if request.headers.get("content-type", "").startswith("application/json"):
        return json.loads(await request.body() or b"{}"), {}
    params: dict[str, Any] = {}
    uploads = {}
    async with request.form() as form:
        for name, value in form.items():
            if isinstance(value, UploadFile):
                mime = value.content_type or "application/octet-stream"
                uploads[name] = (value.filename or name, mime, await value.read())
            else:
                params[name] = _plain(value)
    return params, uploads


def _plain(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value
