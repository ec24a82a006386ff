"""Who comes in, for how long, and what other sites can't make an admin's browser do."""

import logging
from datetime import UTC, datetime, timedelta

import httpx
import jwt
import pytest
from fastapi import FastAPI
from sqlalchemy import update

from bread_bot.admin.access import COOKIE
from bread_bot.auth import slowdown, tokens
from bread_bot.auth.models import User
from bread_bot.main.database.base import async_session
from bread_bot.main.settings import settings
from bread_bot.main.webserver import create_app
from bread_bot.tests.admin.visitor import Page, Visitor
from bread_bot.tests.auth.people import PASSWORD, as_user, caller, create_admin, create_user, sign_in
from bread_bot.tests.talk import Talk

PAGES = [
    "/",
    *(f"/{view}/list" for view in ("chats", "members", "taught", "outbox", "failed", "users")),
    "/users/create",
    "/users/edit?pk=1",
    "/chats/detail?pk=1",
]


async def test_strangers_are_asked_to_sign_in(visitor: Visitor) -> None:
    """Whatever they open; then they come to where they wanted."""
    for path in ("", *PAGES):
        page = await visitor.open(path)
        assert page.path == "/admin/login", path
        assert not page.css("aside"), "the menu is not theirs to see"
    await create_admin()
    page = await visitor.sign_in(path="/taught/list?q=хлеб")
    assert (page.path, page.value("q")) == ("/admin/taught/list", "хлеб")
    elsewhere = await visitor.open("/login", next="https://evil.example/")
    assert elsewhere.path == "/admin/"


@pytest.mark.parametrize("trick", ["//evil.example", "/\t/evil.example", "/\r\n/evil.example", "\\evil.example"])
async def test_no_link_leads_elsewhere(talk: Talk, admin: Visitor, trick: str) -> None:
    """A browser drops tabs and ends of lines from an address, and what is left may begin with //."""
    await talk.say("Хлеб добавь триггер привет=Медвед")
    page = await admin.open("/taught/edit", pk=1, _origin=trick)
    assert "Cancel" in page.texts("a") and "evil" not in str([one.attributes.get("href") for one in page.css("a")])
    nested = str(httpx.URL("/admin/taught/detail", params={"pk": 1, "_origin": trick}))
    query = {"pk": "1", "name": "delete", "_origin": nested}
    headers = {"X-CSRFToken": admin.token}
    answer = await admin.client.post("/admin/_api/taught/row-action", params=query, headers=headers)
    assert answer.json() == {"redirect": "http://bread.example/admin/taught/list"}


async def test_asking_for_headers_changes_nothing(admin: Visitor) -> None:
    """HEAD, which needs no token, is no way to send a form."""
    await create_user("second", is_admin=True)
    assert (await admin.client.head("/admin/users/edit", params={"pk": 2})).status_code == 200
    assert (await admin.open("/users/list")).column("is_active") == ["", ""]


@pytest.mark.parametrize("is_secure", [True, False])
async def test_the_cookie(app: FastAPI, is_secure: bool) -> None:
    """No script reads it, no other site sends it, it goes to the site alone and ends with the token."""
    user = await create_admin()
    transport = httpx.ASGITransport(app)
    scheme = "https" if is_secure else "http"
    async with httpx.AsyncClient(transport=transport, base_url=f"{scheme}://bread.example") as client:
        visitor = Visitor(client)
        form = {
            "username": "Admin",
            "password": PASSWORD,
            "csrftoken": (await visitor.open("/login")).value("csrftoken"),
        }
        answer = await client.post("/admin/login", data=form)
    (cookie,) = [one for one in answer.headers.get_list("set-cookie") if one.startswith(COOKIE)]
    value, *attributes = cookie.split("; ")
    assert set(attributes) - {"Secure"} == {"HttpOnly", "Max-Age=3600", "Path=/admin", "SameSite=lax"}
    assert ("Secure" in attributes) == is_secure
    assert tokens.read(value.removeprefix(f"{COOKIE}=")).user_id == user.id
    assert answer.headers["location"].startswith(f"{scheme}://bread.example/admin/")


async def test_who_is_refused(visitor: Visitor) -> None:
    """Wrong passwords, unknown names, users who are no admins or deactivated; what was typed does not come back."""
    await create_admin()
    await create_user("reader")
    await create_user("gone", is_admin=True, is_active=False)
    for username, password, reason in (
        ("admin", "Кря-кря-кря", "The user's name or the password is wrong"),
        ("nobody", PASSWORD, "The user's name or the password is wrong"),
        ("gone", PASSWORD, "The user's name or the password is wrong"),
        ("\0" * 70, "а" * 300, "The user's name or the password is wrong"),
        ("reader", PASSWORD, "Only admins may come in here"),
    ):
        page = await visitor.sign_in(username, password)
        assert (page.status, page.told) == (400, [reason])
        assert password not in page.response.text
        assert (await visitor.open("/")).path == "/admin/login"


async def test_guessing_is_slowed_down_together_with_the_api(app: FastAPI, visitor: Visitor) -> None:
    """Failures here count there, and the other way round."""
    await create_admin()
    for _ in range(slowdown.FREE_BY_USER):
        await visitor.sign_in("admin", "Кря-кря-кря")
    async with caller(app, "10.0.0.9") as elsewhere:
        assert (await sign_in(elsewhere, "admin")).status_code == 429
    assert (await visitor.sign_in()).told == ["Too many failures: try again in 1 s"]


@pytest.mark.parametrize("values", [{"is_active": False}, {"is_admin": False}, {"password": "совсем другой пароль"}])
async def test_who_may_not_any_more_is_out_at_once(admin: Visitor, values: dict[str, object]) -> None:
    """Also in the middle of something."""
    second = await create_admin("second")
    assert (await admin.open("/")).path == "/admin/"
    answer = await admin.client.patch("/users/1", json=values, headers=as_user(second))
    assert answer.status_code == 200
    assert (await admin.act("chats", "forget", 1)).json() == {
        "msg": "You are not signed in any more: load the page again"
    }
    assert (await admin.open("/users/list")).path == "/admin/login"


async def test_a_session_ends_with_its_token(admin: Visitor) -> None:
    """After ACCESS_TOKEN_MINUTES, however long the browser keeps the cookie; a forged one was never good."""
    key = settings.SECRET_KEY.get_secret_value()
    claims = jwt.decode(admin.client.cookies[COOKIE], key, ["HS256"])
    assert claims["exp"] - claims["iat"] == settings.ACCESS_TOKEN_MINUTES * 60
    past = {"exp": datetime.now(UTC) - timedelta(seconds=1)}
    for cookie in (jwt.encode(claims | past, key, "HS256"), jwt.encode(claims, key * 2, "HS256"), "x", ""):
        admin.client.cookies.set(COOKIE, cookie, "bread.example", "/admin")
        assert (await admin.open("/")).path == "/admin/login"


async def test_signing_out(admin: Visitor) -> None:
    """The cookie goes; a link alone does not do it."""
    page = await admin.open("/")
    assert (await admin.client.get("/admin/logout")).status_code == 405
    assert (await admin.sign_out(page)).path == "/admin/login"
    assert COOKIE not in admin.client.cookies


# ---- what other sites can't do


POSTS = [
    ("/logout", {}),
    ("/users/create", {"username": "mallory", "password": PASSWORD, "is_admin": "on"}),
    ("/users/edit?pk=1", {"password": "совсем другой пароль", "is_admin": "on", "is_active": "on"}),
    ("/taught/edit?pk=1", {"key": "привет", "value": "чужое"}),
    ("/_api/taught/row-action?name=delete&pk=1", {}),
    ("/_api/taught/action?name=delete&pks=1", {}),
    ("/_api/taught/inline-edit?pk=1&field=value", {"value": "чужое"}),
    ("/_api/chats/row-action?name=forget&pk=1", {}),
    ("/_api/outbox/row-action?name=retry&pk=1", {}),
    ("/_api/failed/row-action?name=delete&pk=1", {}),
]


@pytest.mark.parametrize(("path", "form"), POSTS)
async def test_no_token_nothing_done(talk: Talk, admin: Visitor, path: str, form: dict[str, str]) -> None:
    """Without it, with a wrong one, and with a right one that another site sends, nothing changes."""
    await talk.say("Хлеб добавь триггер привет=Медвед")
    foreign = {"X-CSRFToken": admin.token, "Sec-Fetch-Site": "cross-site"}
    attempts: tuple[tuple[dict[str, str], dict[str, str]], ...] = (
        (form, {}),
        (form | {"csrftoken": "x"}, {}),
        (form, {"X-CSRFToken": "x"}),
        (form, {"X-CSRFToken": _another(admin.token)}),
        (form | {"csrftoken": admin.token}, foreign),
        (form | {"csrftoken": admin.token}, foreign | {"Sec-Fetch-Site": "same-site"}),
    )
    for data, headers in attempts:
        answer = await admin.client.post(f"/admin{path}", data=data, headers=headers)
        assert answer.status_code == 403, (data, headers)
    assert (await admin.open("/users/list")).column("username") == ["admin"]
    assert await talk.say("привет") == "Медвед"
    assert (await sign_in(admin.client, "admin")).status_code == 200


def _another(token: str) -> str:
    return token[::-1]


async def test_signing_in_needs_a_token_as_well(visitor: Visitor) -> None:
    """Nobody is signed in as somebody else."""
    await create_admin()
    await visitor.open("/login")
    form = {"username": "admin", "password": PASSWORD}
    assert (await visitor.client.post("/admin/login", data=form)).status_code == 403
    assert COOKIE not in visitor.client.cookies


async def test_what_a_page_may_do(admin: Visitor) -> None:
    """It runs the scripts of its own templates, marked anew each time, and loads nothing from elsewhere."""
    nonces = set()
    for path in (*PAGES, "/login", "/nowhere/list", "/static/site.css"):
        page = await admin.open(path)
        headers = page.response.headers
        assert (headers["x-frame-options"], headers["x-content-type-options"]) == ("DENY", "nosniff")
        if path.startswith("/static"):
            continue
        policy = dict(one.strip().split(" ", 1) for one in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
        assert headers["cache-control"] == "no-store"
        assert "unsafe-inline" not in policy["script-src"] + policy["script-src-attr"] + policy["style-src"]
        marks = {one.attributes.get("nonce") for one in page.css("script, style")}
        assert [f"'nonce-{one}'" for one in marks] == [policy["script-src"]]
        nonces |= marks
        for one in page.css("[src], link[href], form[action]"):
            address = one.attributes.get("src") or one.attributes.get("href") or one.attributes.get("action")
            assert str(address).startswith(("http://bread.example/admin/", "/", "#")), one.html
        assert "rsms.me" not in page.response.text
    assert len(nonces) == len(PAGES) + 2


async def test_behind_a_proxy(app: FastAPI) -> None:
    """Below a path of its own, all links, forms and cookies stay there."""
    await create_admin()
    transport = httpx.ASGITransport(app, root_path="/bot")
    async with httpx.AsyncClient(transport=transport, base_url="https://bread.example/bot") as client:
        page = Page(await client.get("/admin/users/list", follow_redirects=True))
        assert page.path == "/bot/admin/login"
        page = await Visitor(client).submit(page, username="admin", password=PASSWORD)
        assert (page.path, page.column("username")) == ("/bot/admin/users/list", ["admin"])
        for link in page.css("aside a[href], link[href]"):
            assert str(link.attributes["href"]).startswith(("https://bread.example/bot/admin/", "#"))
        (cookie,) = [one for one in client.cookies.jar if one.name == COOKIE]
        assert (cookie.path, cookie.secure) == ("/bot/admin", True)


async def test_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an app as any other."""
    modules = [one for one in settings.APP_MODULES if one != "bread_bot.admin"]
    monkeypatch.setattr(settings, "APP_MODULES", modules)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app()), base_url="http://bread.example"
    ) as client:
        assert (await client.get("/admin/")).status_code == 404


def test_forms_are_not_logged(application: FastAPI) -> None:
    """starlette-admin would, passwords and all."""
    assert not logging.getLogger("starlette_admin.base").isEnabledFor(logging.WARNING)


async def test_nobody_guesses_a_token(admin: Visitor) -> None:
    """One whose stamp has changed is as good as none."""
    async with async_session() as session, session.begin():
        await session.execute(update(User).values(token_stamp="another"))
    assert (await admin.open("/")).path == "/admin/login"
