"""Whatever fits the OpenAPI description can be sent: nothing breaks the server."""

from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings

from bread_bot.tests.auth.people import as_user, create_admin
from bread_bot.tests.talk import Talk

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning:jsonschema.*")]
EXAMPLES = 40


async def test_no_request_breaks_it(application: FastAPI, talk: Talk) -> None:
    """Generated requests to every route, by an admin: never a 5xx; every answer as it is described."""
    await talk.say("Хлеб добавь триггер Привет=Медвед")
    headers = as_user(await create_admin())
    schema = schemathesis.openapi.from_dict(application.openapi())
    tried = 0
    for found in schema.get_all_operations():
        operation = found.ok()  # type: ignore[union-attr]  # the app's own description is valid
        for case in _cases(operation):
            body = case.body if isinstance(case.body, dict | list | str | int | float | bool | None) else None
            response = await talk.client.request(
                case.method,
                case.formatted_path,
                params={name: value for name, value in (case.query or {}).items() if value is not None},
                headers=headers | _printable(case.headers or {}),
                **_content(case.media_type, body),
            )
            assert response.status_code < 500, (case.method, case.formatted_path, case.query, body, response.text)
            operation.validate_response(response)
            if response.status_code >= 400:
                assert {"detail", "code", "error_id"} <= response.json().keys()
            tried += 1
    assert tried > 300
    assert await talk.say("Хлеб скажи эхо") == "эхо"


def _cases(operation: Any) -> list[Any]:
    cases: list[Any] = []

    @given(operation.as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def collect(case: Any) -> None:
        cases.append(case)

    collect()
    return cases


def _content(media_type: str | None, body: Any) -> dict[str, Any]:
    return {"data" if media_type == "application/x-www-form-urlencoded" else "json": body}


def _printable(headers: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in headers.items() if str(value).isascii() and str(value).isprintable()}
