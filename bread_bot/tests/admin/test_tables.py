"""What admins see and do: search, edit, delete, try again; and what they can't break."""

from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy import func, select, text

from bread_bot.auth.models import User
from bread_bot.bot.context import Context
from bread_bot.bot.models import Activity, FailedUpdate, OutboxMessage
from bread_bot.main.database.base import async_session, dispose_engines
from bread_bot.main.settings import DATABASE_SETTINGS, Connection, settings
from bread_bot.packs.models import Taught
from bread_bot.tests.admin.visitor import Visitor
from bread_bot.tests.auth.people import PASSWORD, create_user, sign_in
from bread_bot.tests.stumbling import Stumbling
from bread_bot.tests.talk import Talk
from bread_bot.tests.telegram import updates
from bread_bot.tests.telegram.updates import people

VIEWS = ("chats", "members", "taught", "outbox", "failed", "users")
NASTY = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'{{7*7}}"
KEY = "<script>alert(3)</script>"
OTHER = "совсем другой пароль"


# ---- chats and members


async def test_chats(talk: Talk, admin: Visitor) -> None:
    """Found by title, username and id; left ones are told apart; settings are shown."""
    await talk.say("Хлеб процент 15")
    await talk.say("привет", chat=(bakery := updates.group("Пекарня 100%")))
    await talk.post(updates.my_chat_member("kicked", "member", bot=talk.bot_api.me, chat=bakery))
    assert sorted((await admin.open("/chats/list")).column("title")) == sorted([talk.chat.title, "Пекарня 100%"])
    found = await admin.open("/chats/list", q="0%")
    assert (found.column("title"), found.column("is_there")) == (["Пекарня 100%"], ["no"])
    assert (await admin.open("/chats/list", q=talk.chat.id)).column("title") == [talk.chat.title]
    page = await admin.open("/chats/detail", pk=talk.chat.id)
    assert '"chance": 15' in page.texts("pre")[0]
    assert (await admin.open("/chats/detail", pk=5)).status == 404


async def test_a_chat_is_forgotten(talk: Talk, admin: Visitor) -> None:
    """All that was counted in it, and nothing elsewhere; what was taught stays."""
    await talk.say("Хлеб добавь триггер привет=Медвед")
    await talk.say("привет", chat=(other := updates.group("Пекарня")))
    assert (await admin.act("chats", "forget", talk.chat.id)).status_code == 200
    assert (await admin.open("/chats/list")).told == [f"The people of “{talk.chat.title}” are forgotten"]
    async with async_session() as session:
        assert set(await session.scalars(select(Activity.chat_id))) == {other.id}
    assert await talk.say("привет") == "Медвед"
    gone = await admin.act("chats", "forget", 5)
    assert (gone.status_code, gone.json()["msg"]) == (400, "It is gone: somebody else was faster")


async def test_members(talk: Talk, admin: Visitor) -> None:
    """Found by name, username and id."""
    await talk.say("привет")
    await talk.say("привет", sender=people.vera)
    assert len((await admin.open("/members/list")).column("id")) == 2
    for asked in (people.anna.first_name, people.anna.username, people.anna.id):
        assert (await admin.open("/members/list", q=asked)).column("id") == [str(people.anna.id)]
    assert people.anna.first_name in (await admin.open("/members/detail", pk=people.anna.id)).texts("dd")


# ---- taught values


async def test_a_value_is_found_and_edited(talk: Talk, admin: Visitor) -> None:
    """By chat, key and value; the chat says the new one at once, under the new key, and can take it back."""
    await talk.say("Хлеб добавь триггер привет=Медвед")
    await talk.say("Хлеб добавь подстроку хлеб=100%")
    await talk.say("Хлеб добавь ответ Не понял", chat=(bakery := updates.group("Пекарня")))
    for asked, found in (
        ("медв", ["привет"]),
        ("хлеб", ["хлеб"]),
        ("0%", ["хлеб"]),
        ("пекар", [""]),
        (bakery.id, [""]),
        ("%", ["хлеб"]),
        ("_", []),
    ):
        assert (await admin.open("/taught/list", q=asked)).column("key") == found, asked
    (number,) = (await admin.open("/taught/list", q="медв")).column("id")
    form = await admin.open("/taught/edit", pk=number)
    assert (form.value("key"), form.value("value"), form.value("caption")) == ("привет", "Медвед", "")
    page = await admin.submit(form, key=" Здравствуй ", value="И тебе\r\nне хворать")
    assert (page.path, page.told) == (
        "/admin/taught/list",
        ['The item "trigger “Здравствуй”" was changed successfully.'],
    )
    assert await talk.say("привет") is None
    assert await talk.say("здравствуй") == "И тебе\nне хворать"
    undone = str(await talk.say("Хлеб отмени"))
    assert "админка" in undone and "Вернулось: «привет» — Медвед" in undone and "Ушло: «Здравствуй»" in undone
    assert (await talk.say("привет"), await talk.say("здравствуй")) == ("Медвед", None)


async def test_a_bad_value_is_told_at_its_field(talk: Talk, admin: Visitor) -> None:
    """Nothing changes; what was typed is still there."""
    await talk.say("Хлеб добавь подстроку хлеб=Вкусно")
    await talk.say("Хлеб добавь подстроку хлеб=Свежо")
    await talk.say("Хлеб добавь ответ Не понял")
    page = await admin.open("/taught/list")
    number = dict(zip(page.column("value"), page.column("id"), strict=True))
    for value, fields, error in (
        ("Вкусно", {"key": ""}, "A substring needs a key"),
        ("Вкусно", {"key": "хл"}, "Ключ «хл» коротковат"),
        ("Вкусно", {"key": "х" * 5000}, "at most 4096"),
        ("Вкусно", {"value": "Свежо"}, "This chat knows that value for this key already"),
        ("Вкусно", {"value": " \r\n "}, "at least 1"),
        ("Вкусно", {"value": ""}, "This field is required."),
        ("Вкусно", {"value": "х" * 20000}, "at most 16384"),
        ("Вкусно", {"caption": "подпись"}, "A text has no caption"),
        ("Не понял", {"key": "хлеб"}, "A fallback needs no key"),
    ):
        form = await admin.submit(await admin.open("/taught/edit", pk=number[value]), **fields)
        assert form.status == 422, fields
        assert len(form.errors) == 1 and error in form.errors[0], (fields, form.errors)
        ((name, typed),) = fields.items()
        assert form.value(name).strip() == typed.strip()
    assert sorted((await admin.open("/taught/list")).column("value")) == ["Вкусно", "Не понял", "Свежо"]
    assert await talk.say("это хлеб") in ("Вкусно", "Свежо")


async def test_a_value_that_somebody_else_has_changed(talk: Talk, admin: Visitor) -> None:
    """The later one is told, and adds nothing."""
    await talk.say("Хлеб добавь триггер привет=Медвед")
    form = await admin.open("/taught/edit", pk=1)
    await talk.say("Хлеб удали триггер привет")
    assert (await admin.submit(form, value="Превед")).status == 404
    assert await talk.say("привет") is None


async def test_a_medium_keeps_its_file(talk: Talk, admin: Visitor) -> None:
    """Only its caption is changed, and can be taken away."""
    photo = updates.message(photo=True, caption="Вот", chat=talk.chat)
    await talk.say("Хлеб запомни триггер булка", reply_to=photo)
    for caption in ("Смотри", ""):
        (number,) = (await admin.open("/taught/list")).column("id")
        await admin.submit(await admin.open("/taught/edit", pk=number), caption=caption)
        (sent,) = await talk.hear("булка")
        assert (sent.method, sent.text or "") == ("sendPhoto", caption)
    async with async_session() as session:
        assert await session.scalar(select(Taught.file_unique_id)), "it is known again when it is taught again"


async def test_it_is_known_who_has_done_what(talk: Talk, admin: Visitor, caplog: pytest.LogCaptureFixture) -> None:
    """The log tells, without what was typed."""
    await talk.say("Хлеб добавь триггер привет=Медвед")
    await admin.submit(await admin.open("/taught/edit", pk=1), value="Превед")
    await admin.act("taught", "delete", 2)
    records = [one for one in caplog.records if one.name == "bread_bot.admin.access"]
    told = [(one.args, one.__dict__["admin"], one.__dict__["row"], one.__dict__["action"]) for one in records]
    assert told == [
        (("/admin/taught/edit",), "admin", "1", None),
        (("/admin/_api/taught/row-action",), "admin", "2", "delete"),
    ]
    assert "Превед" not in caplog.text


async def test_values_are_deleted(talk: Talk, admin: Visitor) -> None:
    """One by one and several of several chats; what a chat has lost it can take back."""
    for key in ("раз", "два", "три"):
        await talk.say(f"Хлеб добавь триггер {key}=Медвед")
    await talk.say("Хлеб добавь триггер раз=Превед", chat=(bakery := updates.group("Пекарня")))
    assert (await admin.act("taught", "delete", 1)).status_code == 200
    assert await talk.say("раз") is None
    assert (await admin.act_on_several("taught", "delete", 2, 4, 77, "x", 10**30)).status_code == 200
    assert (await admin.open("/taught/list")).column("key") == ["три"]
    assert await talk.say("раз", chat=bakery) is None
    await talk.say("Хлеб отмени")
    assert await talk.say("два") == "Медвед"


# ---- the outbox, and updates set aside


async def test_a_dead_answer_is_tried_again(talk: Talk, admin: Visitor) -> None:
    """And arrives; sent ones are not shown; another is thrown away."""
    await talk.say("Хлеб добавь триггер привет=Медвед")
    talk.bot_api.fail("sendMessage", "no rights", times=3)
    for _ in range(3):
        await talk.say("привет")
    page = await admin.open("/outbox/list")
    assert (page.column("said"), page.column("state")) == (["Медвед"] * 3, ["dead"] * 3)
    assert page.column("chat_title") == [talk.chat.title] * 3
    newest, middle, oldest = (one.attributes["data-sa-pk"] for one in page.css("tr[data-sa-pk]"))
    assert "Медвед" in (await admin.open("/outbox/detail", pk=newest)).texts("pre")[0]
    before = len(talk.bot_api.sent)
    assert (await admin.act("outbox", "retry", newest)).status_code == 200
    await talk.settle()
    assert [one.text for one in talk.bot_api.sent[before:]] == ["Медвед"]
    assert (await admin.act_on_several("outbox", "retry", middle)).status_code == 200
    await talk.settle()
    assert len(talk.bot_api.sent) == before + 2
    assert (await admin.act("outbox", "retry", newest)).json()["msg"] == "It is gone: somebody else was faster"
    assert (await admin.act("outbox", "delete", oldest)).status_code == 200
    assert (await admin.open("/outbox/list")).column("state") == []
    assert len(talk.bot_api.sent) == before + 2


async def test_an_answer_that_waits_goes_its_way(talk: Talk, admin: Visitor) -> None:
    """It can be neither repeated nor thrown away."""
    await talk.say("Хлеб добавь триггер привет=Медвед")
    talk.bot_api.fail("sendMessage", "no rights")
    await talk.say("привет")
    async with async_session() as session, session.begin():
        number = await session.scalar(select(OutboxMessage.id).where(OutboxMessage.state == "dead"))
        await session.execute(text("UPDATE outbox SET state = 'waiting' WHERE state = 'dead'"))
    page = await admin.open("/outbox/list")
    assert page.column("state") == ["waiting"]
    assert [one.attributes["data-sa-name"] for one in page.css("tr [data-sa-is-row-action]")] == ["view"]
    for action in ("retry", "delete"):
        assert (await admin.act("outbox", action, number)).json()["msg"] == "Forbidden"
        await admin.act_on_several("outbox", action, number)
    assert (await admin.open("/outbox/list")).column("state") == ["waiting"]


async def test_an_update_that_was_set_aside(stumbling: Stumbling, talk: Talk, admin: Visitor) -> None:
    """It is seen with its body and trace; once the bug is mended, it is handled, and its answer comes."""
    poison = updates.message("споткнись", chat=talk.chat)
    for _ in range(settings.MAX_ATTEMPTS):
        await talk.client.post("/", json=poison)
    page = await admin.open("/failed/list", q="this is the bug")
    assert page.column("reason") == ["RuntimeError: this is the bug"]
    (row,) = page.css("tr[data-sa-pk]")
    number = row.attributes["data-sa-pk"]
    trace, body = (await admin.open("/failed/detail", pk=number)).texts("pre")
    assert "raise RuntimeError" in trace and "споткнись" in body
    again = await admin.act("failed", "retry", number)
    assert (again.status_code, again.json()["msg"]) == (400, "It has failed again: RuntimeError: this is the bug")
    stumbling.is_on = False
    before = len(talk.bot_api.sent)
    assert (await admin.act("failed", "retry", number)).status_code == 200
    await talk.settle()
    assert [one.text for one in talk.bot_api.sent[before:]] == ["устоял"]
    assert (await admin.open("/failed/list")).column("reason") == []


async def test_an_error_of_many_lines(
    stumbling: Stumbling, talk: Talk, admin: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has happened is told in its first line; SQLAlchemy ends with a link to its documentation."""

    async def fall(context: Context) -> None:
        await context.session.execute(text("SELECT\n    1 / 0"))

    monkeypatch.setattr(stumbling, "fall", fall)
    await talk.client.post("/", json=updates.message("споткнись", chat=talk.chat))
    (reason,) = (await admin.open("/failed/list")).column("reason")
    assert reason.startswith("sqlalchemy.exc.") and reason.endswith("division by zero")


async def test_an_update_is_thrown_away(stumbling: Stumbling, talk: Talk, admin: Visitor) -> None:
    """It never comes back."""
    poison = updates.message("споткнись", chat=talk.chat)
    for _ in range(settings.MAX_ATTEMPTS):
        await talk.client.post("/", json=poison)
    async with async_session() as session:
        number = await session.scalar(select(FailedUpdate.id))
    assert (await admin.act("failed", "delete", number)).status_code == 200
    assert (await admin.act("failed", "retry", number)).json()["msg"] == "It is gone: somebody else was faster"
    assert (await admin.open("/failed/list")).column("reason") == []


# ---- users


async def test_a_user_is_created_and_changed(admin: Visitor) -> None:
    """May sign in; with a new password, with that one; not any more once deactivated."""
    form = await admin.open("/users/create")
    page = await admin.submit(form, username="anna", email="anna@example.com", password=PASSWORD)
    assert page.column("username") == ["admin", "anna"]
    assert (await sign_in(admin.client, "anna")).status_code == 200
    form = await admin.open("/users/edit", pk=2)
    assert (form.value("email"), form.value("password")) == ("anna@example.com", "")
    await admin.submit(form, password=OTHER, email="")
    assert (await admin.open("/users/list")).column("email")[1] == "—"
    assert (await sign_in(admin.client, "anna")).status_code == 401
    assert (await sign_in(admin.client, "anna", OTHER)).status_code == 200
    await admin.submit(await admin.open("/users/edit", pk=2), is_active="")
    assert (await sign_in(admin.client, "anna", OTHER)).status_code == 401
    assert (await admin.open("/users/list")).column("is_active")[1] == "no"


async def test_a_bad_user_is_told_at_its_field(admin: Visitor) -> None:
    """A password that was typed does not come back in the page."""
    good = {"username": "anna", "password": PASSWORD, "email": ""}
    for fields, error in (
        ({"username": "анна"}, "String should match pattern"),
        ({"username": "ADMIN"}, "There is a user 'ADMIN' already: choose another name"),
        ({"username": ""}, "This field is required."),
        ({"password": "short"}, "A password has 12 to 200 characters"),
        ({"password": ""}, "A password has 12 to 200 characters"),
        ({"email": "anna"}, "String should match pattern"),
    ):
        page = await admin.submit(await admin.open("/users/create"), **good | fields)
        assert page.status == 422, fields
        assert len(page.errors) == 1 and page.errors[0].startswith(error), (fields, page.errors)
        assert page.value("password") == "" and PASSWORD not in page.response.text
    assert (await admin.open("/users/list")).column("username") == ["admin"]


async def test_the_last_admin_stays(admin: Visitor) -> None:
    """Whoever would lock everybody out is told so."""
    for name in ("is_admin", "is_active"):
        page = await admin.submit(await admin.open("/users/edit", pk=1), **{name: ""})
        assert page.status == 422
        assert page.errors == ["'admin' is the last active admin: make somebody else one first"]
    await create_user("second", is_admin=True)
    await admin.submit(await admin.open("/users/edit", pk=1), is_admin="")
    assert (await admin.open("/")).path == "/admin/login", "an admin no more, they are out"


async def test_secrets_are_not_shown(admin: Visitor) -> None:
    """Neither hashes nor stamps, on no page, in no answer."""
    async with async_session() as session:
        (user,) = await User.async_all(session)
    for path in (
        "list",
        "detail?pk=1",
        "edit?pk=1",
        "list?cols=password_hash,token_stamp",
        "list?sort=token_stamp__asc",
    ):
        page = await admin.open(f"/users/{path}")
        assert page.status == 200
        assert user.password_hash not in page.response.text and user.token_stamp not in page.response.text
    lookup = await admin.client.get("/admin/_api/users/relation-lookup")
    assert "argon2" not in lookup.text and user.token_stamp not in lookup.text
    for name in ("password_hash", "token_stamp", "password"):
        filtered = await admin.open("/users/list", filter=f"{name} contains a")
        assert filtered.status == 400, name


# ---- what can't be broken


async def test_what_people_say_is_only_text(talk: Talk, admin: Visitor) -> None:
    """Names, titles, keys, values and errors stand on the pages as they are, and are nothing else."""
    chat, nasty = updates.group(NASTY[:120]), updates.person(first_name=NASTY[:60], last_name=NASTY[:60])
    await talk.say(f"Хлеб добавь триггер {KEY}={NASTY}", chat=chat, sender=nasty)
    talk.bot_api.fail("sendMessage", "no rights")
    await talk.say(KEY, chat=chat, sender=nasty)
    async with async_session() as session, session.begin():
        await FailedUpdate.async_create(session, bot_id=1, update_id=1, body={NASTY: NASTY}, error=NASTY)
    pages = [f"/{view}/list" for view in VIEWS]
    pages += [f"/{view}/list?q=script" for view in VIEWS]
    pages += [f"/chats/detail?pk={chat.id}", f"/members/detail?pk={nasty.id}", "/failed/detail?pk=1"]
    pages += ["/taught/detail?pk=1", "/taught/edit?pk=1", "/"]
    for path in pages:
        page = await admin.open(path)
        assert page.status == 200
        assert all("nonce" in one.attributes for one in page.css("script")), path
        assert not page.css("[onerror], [onload]"), path
        assert not [one for one in page.css("img") if one.attributes.get("src") == "x"], path
    assert (await admin.open("/taught/list")).column("value") == [NASTY]
    assert (await admin.open("/taught/edit?pk=1")).value("value") == NASTY
    page = await admin.submit(await admin.open("/taught/edit?pk=1"), value=NASTY + "!")
    assert page.told and "<script>" in page.told[0]
    assert all("nonce" in one.attributes for one in page.css("script"))


@pytest.mark.parametrize("view", VIEWS)
async def test_odd_questions(talk: Talk, admin: Visitor, view: str) -> None:
    """Numbers that are none or too great, signs that mean something to SQL, pages that are far away."""
    await talk.say("Хлеб добавь триггер привет=Медвед")
    for number in ("x", "", "9" * 30, "-1", "1e5", "\0", "9" * 5000):
        assert (await admin.open(f"/{view}/detail", pk=number)).status == 404, number
        assert (await admin.open(f"/{view}/edit", pk=number)).status in (403, 404), number
        assert (await admin.act(view, "delete", number)).status_code == 400, number
    for asked in ("\0", "%", "_", "\\", "'", "9" * 30, "-", "x" * 3000):
        assert (await admin.open(f"/{view}/list", q=asked)).status == 200, asked
    for query in ({"page": "9" * 30}, {"page": "-1"}, {"page": "x"}, {"sort": "x__y"}):
        assert (await admin.open(f"/{view}/list", **query)).status == 200, query
    for query in (
        {"page_size": "0"},
        {"page_size": "500"},
        {"sort": "created_at__desc"},
        {"filter": "x"},
        {"filter": "id eq x"},
        {"filter": f"id eq {'9' * 30}"},
    ):
        assert (await admin.open(f"/{view}/list", **query)).status in (200, 400), query
    assert (await admin.open(f"/{view}/list", filter="created_at gt x")).status in (200, 400)
    for action in ("delete", "forget", "retry", "export", "x"):
        assert (await admin.act_on_several(view, action)).status_code == 400, action
    assert (await admin.open(f"/{view}/import")).status in (404, 405)


@pytest.mark.parametrize("view", VIEWS)
async def test_only_what_is_meant_can_be_done(talk: Talk, admin: Visitor, view: str) -> None:
    """No rows are added, changed, deleted, downloaded or uploaded but where it is said above."""
    await talk.say("Хлеб добавь триггер привет=Медвед")
    number = {"chats": talk.chat.id, "members": people.anna.id}.get(view, 1)
    async with async_session() as session:
        before = await session.scalar(select(func.count()).select_from(User))
    if view != "users":
        assert (await admin.open(f"/{view}/create")).status == 403
    if view not in ("users", "taught"):
        assert (await admin.open(f"/{view}/edit", pk=number)).status == 403
    if view in ("chats", "members", "users"):
        assert (await admin.act(view, "delete", number)).status_code == 400
        assert (await admin.act_on_several(view, "delete", number)).status_code == 400
    headers = {"X-CSRFToken": admin.token}
    assert (await admin.client.post(f"/admin/_api/{view}/import", headers=headers)).status_code == 403
    assert (await admin.act_on_several(view, "export", number)).status_code == 400
    answer = await admin.client.post(
        f"/admin/_api/{view}/inline-edit", params={"pk": number, "field": "id"}, headers=headers
    )
    assert answer.status_code == 403
    async with async_session() as session:
        assert await session.scalar(select(func.count()).select_from(User)) == before
    assert await talk.say("привет") == "Медвед"


async def test_errors_are_pages(
    talk: Talk, admin: Visitor, database: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something broken tells its number in the log; a database that is down, to come again."""
    async with async_session() as session, session.begin():
        await session.execute(text("ALTER TABLE failed_update RENAME TO elsewhere"))
    page = await admin.open("/failed/list")
    assert page.status == 500
    assert page.texts(".empty-title")[0].startswith("Something is broken here; the log tells what, under ")
    monkeypatch.setitem(DATABASE_SETTINGS, "default", Connection(**{**database, "host": "127.0.0.1", "port": 1}))
    await dispose_engines()
    page = await admin.open("/chats/list")
    assert (page.status, page.texts(".empty-title")) == (503, ["The database does not answer, try again in a moment"])
    assert "content-security-policy" in page.response.headers
    monkeypatch.setitem(DATABASE_SETTINGS, "default", database)
    await dispose_engines()
    assert (await admin.open("/chats/list")).status == 200


async def test_too_long_a_form(talk: Talk, admin: Visitor) -> None:
    """Also one that does not say its length; whether its token stands in the header or in the form."""
    await talk.say("Хлеб добавь триггер привет=Медвед")

    async def parts() -> AsyncIterator[bytes]:
        yield f"csrftoken={admin.token}&key=a&value=".encode()
        for _ in range(settings.BODY_LIMIT // 1000 + 1):
            yield b"x" * 1000

    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    for headers in (kind, kind | {"X-CSRFToken": admin.token}):
        answer = await admin.client.post("/admin/taught/edit?pk=1", content=parts(), headers=headers)
        assert answer.status_code == 413
        assert answer.headers["content-type"].startswith("text/html")
    assert await talk.say("привет") == "Медвед"


@pytest.mark.parametrize("value", [b"%ED%A0%80", b"%00", b"%FF", b"a%E2%80%A8b"])
async def test_any_text_may_be_typed(talk: Talk, admin: Visitor, value: bytes) -> None:
    """Nothing that a form can hold breaks it."""
    await talk.say("Хлеб добавь триггер привет=Медвед")
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-CSRFToken": admin.token}
    for path, form in (
        ("taught/edit?pk=1", b"key=" + value + b"&value=" + value + b"&caption=" + value),
        ("users/create", b"username=" + value + b"&password=" + value + b"&email=" + value),
        ("users/edit?pk=1", b"email=" + value + b"&password=" + value * 12 + b"&is_admin=on&is_active=on"),
    ):
        answer = await admin.client.post(f"/admin/{path}", content=form, headers=headers)
        assert answer.status_code in (303, 422), path


async def test_through_a_pgbouncer(through_pgbouncer: Connection, talk: Talk, admin: Visitor) -> None:
    """Where each transaction may meet another connection."""
    await talk.say("Хлеб добавь триггер привет=Медвед")
    assert (await admin.open("/taught/list", q="медв")).column("key") == ["привет"]
    await admin.submit(await admin.open("/taught/edit", pk=1), value="Превед")
    assert await talk.say("привет") == "Превед"


async def test_one_connection_is_enough(talk: Talk, admin: Visitor, test_settings: pytest.MonkeyPatch) -> None:
    """Nothing that is done waits for a connection that its own page holds."""
    await talk.say("Хлеб добавь триггер привет=Медвед")
    talk.bot_api.fail("sendMessage", "no rights")
    await talk.say("привет")
    test_settings.setattr(settings, "DB_MAX_POOL", 1)
    await dispose_engines()
    assert (await admin.submit(await admin.open("/taught/edit", pk=1), value="Превед")).told
    assert (await admin.submit(await admin.open("/users/edit", pk=1), email="a@example.com")).told
    async with async_session() as session:
        number = await session.scalar(select(OutboxMessage.id).where(OutboxMessage.state == "dead"))
    assert isinstance(await admin.act("outbox", "retry", number), httpx.Response)
    await talk.settle()
    assert talk.bot_api.sent[-1].text == "Медвед"
