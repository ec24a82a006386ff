"""What the server's parts can do alone: a route that validates, then with a statement, then with a call."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
from fastapi import FastAPI
from pydantic import BaseModel

_STATE: dict[str, Any] = {}


class Chat(BaseModel):
    """A chat, as a bare route would read it."""

    id: int
    type: str


class Message(BaseModel):
    """A message, as a bare route would read it."""

    message_id: int
    chat: Chat
    text: str | None = None


class Update(BaseModel):
    """The same body that the bot gets."""

    update_id: int
    message: Message


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """One pool, one client."""
    async with (
        asyncpg.create_pool(os.environ["BASELINE_DATABASE"], min_size=10, max_size=20) as pool,
        httpx.AsyncClient() as client,
    ):
        _STATE.update(pool=pool, client=client, address=os.environ["BASELINE_TELEGRAM"])
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/a")
async def validate(update: Update) -> dict[str, bool]:
    """A: a bare route that validates the body."""
    return {"ok": True}


@app.post("/b")
async def ask_database(update: Update) -> dict[str, bool]:
    """B: A and one round trip to PostgreSQL."""
    await _STATE["pool"].fetchval("SELECT $1::bigint", update.update_id)
    return {"ok": True}


@app.post("/c")
async def call_telegram(update: Update) -> dict[str, bool]:
    """C: B and one call of the Bot API."""
    await _STATE["pool"].fetchval("SELECT $1::bigint", update.update_id)
    payload = {"chat_id": update.message.chat.id, "text": "Медвед"}
    await _STATE["client"].post(f"{_STATE['address']}/bot1:a/sendMessage", json=payload)
    return {"ok": True}
