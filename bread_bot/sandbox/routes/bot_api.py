"""The Bot API of the sandbox's Telegram."""

import json
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.datastructures import UploadFile

from bread_bot.sandbox import files
from bread_bot.sandbox.bot_api import BotAPI
from bread_bot.sandbox.files import Upload
from bread_bot.sandbox.parameters import Parameters
from bread_bot.sandbox.refusal import Refusal
from bread_bot.sandbox.switch import SANDBOX_TOKEN

router = APIRouter(prefix="/sandbox/api", include_in_schema=False)


@router.api_route("/bot{token}/{method}", methods=["GET", "POST"])
async def answer_call(request: Request, token: str, method: str) -> Response:
    """Does what the bot calls for."""
    bot_api: BotAPI = request.app.state.sandbox_api
    trace = request.headers.get("traceparent", "").split("-")
    try:
        if token != SANDBOX_TOKEN:
            raise Refusal(401, "Unauthorized")
        result = await bot_api.call(method, await _read(request), trace[1] if len(trace) > 1 else "")
    except Refusal as error:
        body: dict[str, Any] = {"ok": False, "error_code": error.status, "description": str(error)}
        return JSONResponse(body | ({"parameters": error.parameters} if error.parameters else {}), error.status)
    return JSONResponse({"ok": True, "result": result})


@router.get("/file/bot{token}/{path:path}")
async def give_file(token: str, path: str) -> Response:
    """The bytes of a file."""
    kept = await files.read(files.id_of(path)) if token == SANDBOX_TOKEN else None
    if kept is None:
        status, description = (404, "Not Found") if token == SANDBOX_TOKEN else (401, "Unauthorized")
        return JSONResponse({"ok": False, "error_code": status, "description": description}, status)
    return Response(kept.content, media_type="application/octet-stream")


async def _read(request: Request) -> Parameters:
    values: dict[str, Any] = dict(request.query_params)
    uploads = {}
    if request.headers.get("content-type", "").startswith("application/json"):
        try:
            said = json.loads(await request.body() or b"{}")
        except ValueError:
            raise Refusal(400, "Bad Request: can't parse JSON object") from None
        if not isinstance(said, dict):
            raise Refusal(400, "Bad Request: object expected as the body")
        return Parameters(values | said, {})
    async with request.form() as form:
        for name, value in form.items():
            if isinstance(value, UploadFile):
                mime = value.content_type or "application/octet-stream"
                uploads[name] = Upload(value.filename or name, mime, await value.read())
            else:
                values[name] = value
    return Parameters(values, uploads)
