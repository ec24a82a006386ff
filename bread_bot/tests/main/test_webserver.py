"""What the operator may switch on and off."""

import subprocess
import sys

import httpx
import pytest

from bread_bot.main.settings import settings
from bread_bot.main.webserver import create_app

ORIGIN = {"Origin": "https://page.example"}


async def _get(path: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app()), base_url="http://bread.example"
    ) as client:
        return await client.get(path, headers=headers)


async def test_docs_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """On by default."""
    paths = ("/docs", "/redoc", "/openapi.json")
    assert {(await _get(path)).status_code for path in paths} == {200}
    monkeypatch.setattr(settings, "DOCS_ENABLED", False)
    assert {(await _get(path)).status_code for path in paths} == {404}


async def test_cors_is_closed_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the origins of the list may call, and nobody where it is empty."""
    assert "access-control-allow-origin" not in (await _get("/health/live", **ORIGIN)).headers
    monkeypatch.setattr(settings, "CORS_ALLOW_ORIGINS", ["https://page.example"])
    assert (await _get("/health/live", **ORIGIN)).headers["access-control-allow-origin"] == "https://page.example"
    other = await _get("/health/live", Origin="https://other.example")
    assert "access-control-allow-origin" not in other.headers


async def test_security_headers() -> None:
    """Whatever is answered."""
    for path in ("/health/live", "/docs", "/nowhere"):
        headers = (await _get(path)).headers
        assert headers["x-content-type-options"] == "nosniff" and "content-security-policy" in headers


def test_the_collector_is_spared() -> None:
    """What a server has loaded is not looked through again while it serves."""
    script = "import gc; from bread_bot.main.webserver import app; print(gc.get_freeze_count() > 10_000)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
