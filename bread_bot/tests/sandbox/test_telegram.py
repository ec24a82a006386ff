"""What people do in the sandbox, what its pages and the bot are told of that, and what outlives a restart."""

import asyncio
from collections import defaultdict
from typing import Any

import pytest
from sqlalchemy import func, select

from bread_bot.bot.models import Chat
from bread_bot.main.database.base import async_session
from bread_bot.main.settings import Connection, settings
from bread_bot.main.webserver import create_app
from bread_bot.sandbox import delivery, files, history, world
from bread_bot.sandbox.models import SandboxEvent, SandboxFile
from bread_bot.sandbox.world import BOT, FORUM, GROUP, SUPERGROUP
from bread_bot.tests.sandbox.conftest import ANNA, BORIS, Sandbox, serving
from bread_bot.tests.stumbling import Stumbling
from bread_bot.tests.telegram.schema import Json, check_object


def _updates(events: list[Json], kind: str) -> list[Any]:
    return [event["update"][kind] for event in events if event["type"] == "update" and kind in event["update"]]


# ---- the way to the bot and back


async def test_a_dialogue(sandbox: Sandbox) -> None:
    """Teach a trigger and meet it; all that the bot is told could come from the real Telegram."""
    await sandbox.say("Хлеб добавь триггер привет=Медвед")
    await sandbox.say("привет", user_id=BORIS)
    answer = await sandbox.answer("Медвед")
    assert answer["reply_to_message"]["from"]["id"] == BORIS
    for event in await sandbox.events():
        if event["type"] == "update":
            assert check_object("Update", event["update"]) == []


async def test_a_button_of_the_help(sandbox: Sandbox) -> None:
    """A press goes to the bot, which changes its message and answers the press."""
    await sandbox.say("Хлеб help")
    shown = await sandbox.answer(".*Хлеб.*")
    button = shown["reply_markup"]["inline_keyboard"][0][0]
    where = {"chat_id": GROUP, "message_id": shown["message_id"]}
    await sandbox.ask("POST", "presses", **where, user_id=BORIS, data=button["callback_data"])
    await sandbox.wait_for(lambda event: event["type"] == "answered")
    edited = await sandbox.wait_for(lambda event: event["type"] == "edit")
    assert edited["message"]["text"] != shown["text"]


async def test_a_medium_is_taught(sandbox: Sandbox) -> None:
    """A photo from the disk comes back by a trigger; the bot is told of it in Telegram's shape, the page in its own."""
    query = {"kind": "photo", "name": "bread.png"}
    response = await sandbox.client.post(
        "/sandbox/files", params=query, content=b"pixels", headers={"content-type": "image/png"}
    )
    message = await sandbox.say("Хлеб запомни триггер булка", file_id=response.json()["file_id"], kind="photo")
    assert message["photo"][0]["mime_type"] == "image/png"
    photo = await sandbox.say("", file_id=response.json()["file_id"], kind="photo")
    assert check_object("Message", _updates(await sandbox.events(), "message")[-1]) == []
    await sandbox.say("Хлеб запомни триггер булка", reply_to=photo["message_id"])
    await sandbox.answer(".*булка.*")
    await sandbox.say("булка")
    is_photo = "photo"
    event = await sandbox.wait_for(
        lambda one: one["type"] == "message" and one["message"]["from"] == BOT and is_photo in one["message"]
    )
    assert event["message"]["photo"] == photo["photo"]


async def test_people_come_and_go(sandbox: Sandbox) -> None:
    """A service message tells of it; a promotion makes none; the bot is told of others only as an administrator."""
    change = {"chat_id": GROUP, "user_id": BORIS}
    await sandbox.ask("POST", "members", **change, status="administrator")
    assert [event for event in await sandbox.events() if event["type"] == "message"] == []
    await sandbox.ask("POST", "members", **change, status="left")
    events = await sandbox.events()
    assert _updates(events, "message")[-1]["left_chat_member"]["id"] == BORIS
    assert _updates(events, "chat_member") == []
    await sandbox.ask("POST", "messages", 403, chat_id=GROUP, user_id=BORIS, text="x")
    await sandbox.ask("POST", "members", chat_id=GROUP, user_id=BOT["id"], status="administrator")
    await sandbox.ask("POST", "members", **change, status="member")
    events = await sandbox.events()
    (joined,) = _updates(events, "chat_member")
    (promoted,) = _updates(events, "my_chat_member")
    for told in (joined, promoted):
        assert check_object("ChatMemberUpdated", told) == []
    assert (joined["old_chat_member"]["status"], joined["new_chat_member"]["status"]) == ("left", "member")


async def test_a_bot_that_was_removed_hears_nothing(sandbox: Sandbox) -> None:
    """But that it was removed, and later that it is back, which it answers."""
    await sandbox.ask("POST", "members", chat_id=GROUP, user_id=BOT["id"], status="left")
    before = len(_updates(await sandbox.events(), "message"))
    await sandbox.say("Хлеб help")
    assert len(_updates(await sandbox.events(), "message")) == before
    await sandbox.ask("POST", "members", chat_id=GROUP, user_id=BOT["id"], status="member")
    await sandbox.answer(".+")


async def test_what_people_may_not(sandbox: Sandbox) -> None:
    """Neither change what is not theirs, nor press or answer what is not there."""
    own = await sandbox.call("sendMessage", chat_id=GROUP, text="раз")
    where = {"chat_id": GROUP, "message_id": own["message_id"]}
    await sandbox.ask("PUT", "messages", 400, **where, text="два")
    await sandbox.ask("POST", "votes", 400, **where, user_id=ANNA, option_ids=[0])
    await sandbox.ask("POST", "presses", 400, **where, user_id=ANNA, data="x")
    gone = {"chat_id": GROUP, "message_id": 77}
    await sandbox.ask("POST", "deletions", 400, **gone)
    await sandbox.ask("POST", "reactions", 400, **gone, user_id=ANNA, emoji=["👍"])
    await sandbox.ask("POST", "messages", 404, chat_id=-5, user_id=ANNA, text="x")
    await sandbox.ask("POST", "messages", 400, chat_id=GROUP, user_id=ANNA, text="🍞" * 2049)
    await sandbox.ask("POST", "messages", 400, chat_id=GROUP, user_id=ANNA, text=" ")


async def test_two_at_once_get_two_numbers(sandbox: Sandbox) -> None:
    """Messages of one moment are different ones, in the log as they are numbered."""
    await asyncio.gather(*(sandbox.say(str(number)) for number in range(20)))
    numbers = [one["message"]["message_id"] for one in await sandbox.events() if one["type"] == "message"]
    assert numbers == list(range(1, 21))


async def test_other_pages_of_the_browser(sandbox: Sandbox) -> None:
    """A page from elsewhere can't change anything, and gets no data in a form that it could run."""
    headers = {"origin": "https://evil.example"}
    response = await sandbox.client.post("/sandbox/reset", headers=headers)
    assert response.status_code == 403
    own = {"origin": str(sandbox.client.base_url).rstrip("/")}
    assert (await sandbox.client.post("/sandbox/reset", headers=own)).status_code == 204


async def test_nothing_said_is_markup(sandbox: Sandbox) -> None:
    """What a chat says comes as JSON or an event stream; a file comes in a cage."""
    said = "<script>alert(1)</script>"
    await sandbox.say(said)
    response = await sandbox.client.get("/sandbox/cast")
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-content-type-options"] == "nosniff"
    async with sandbox.client.stream("GET", "/sandbox/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
    for kind, mime, shown in (
        ("document", "text/html", "application/octet-stream"),
        ("photo", "image/svg+xml", "image/svg+xml"),
    ):
        response = await sandbox.client.post(
            "/sandbox/files", params={"kind": kind, "name": said}, content=said, headers={"content-type": mime}
        )
        response = await sandbox.client.get(f"/sandbox/files/{response.json()['file_id']}")
        assert response.headers["content-type"] == shown
        assert "sandbox" in response.headers["content-security-policy"]
        assert ("attachment" in response.headers.get("content-disposition", "")) == (kind == "document")


# ---- polls


async def _ask(sandbox: Sandbox, **more: Any) -> Json:
    options = [{"text": word} for word in ("Ржаной", "Пшеничный", "Бородинский")]
    message: Json = await sandbox.call("sendPoll", chat_id=GROUP, question="Какой хлеб?", options=options, **more)
    return message


async def _vote(sandbox: Sandbox, message: Json, user_id: int, *chosen: int, status: int = 204) -> Json:
    """Vote; gives the poll as the page is told of it."""
    where = {"chat_id": message["chat"]["id"], "message_id": message["message_id"]}
    await sandbox.ask("POST", "votes", status, **where, user_id=user_id, option_ids=list(chosen))
    told = [one["message"] for one in await sandbox.events() if one["type"] in ("message", "edit")]
    poll: Json = [one["poll"] for one in told if one["message_id"] == message["message_id"]][-1]
    assert check_object("Poll", poll) == []
    return poll


def _counts(poll: Json) -> tuple[list[int], int]:
    return [one["voter_count"] for one in poll["options"]], poll["total_voter_count"]


async def test_votes(sandbox: Sandbox) -> None:
    """One option each, another one instead, none any more."""
    message = await _ask(sandbox)
    assert _counts(await _vote(sandbox, message, ANNA, 0)) == ([1, 0, 0], 1)
    assert _counts(await _vote(sandbox, message, BORIS, 0)) == ([2, 0, 0], 2)
    assert _counts(await _vote(sandbox, message, ANNA, 2)) == ([1, 0, 1], 2)
    assert _counts(await _vote(sandbox, message, BORIS)) == ([0, 0, 1], 1)
    for wrong in ([0, 1], [3], [-1]):
        assert _counts(await _vote(sandbox, message, ANNA, *wrong, status=400)) == ([0, 0, 1], 1)
    votes = {event["user_id"]: event["option_ids"] for event in await sandbox.events() if event["type"] == "vote"}
    assert votes == {ANNA: [2], BORIS: []}


async def test_several_answers(sandbox: Sandbox) -> None:
    """Where the poll allows it; a voter counts once."""
    message = await _ask(sandbox, allows_multiple_answers=True)
    assert _counts(await _vote(sandbox, message, ANNA, 0, 2)) == ([1, 0, 1], 1)
    await _vote(sandbox, message, ANNA, 1, 1, status=400)


async def test_a_quiz(sandbox: Sandbox) -> None:
    """An answer of a quiz stays."""
    message = await _ask(sandbox, type="quiz", correct_option_ids=[1])
    assert (message["poll"]["type"], message["poll"]["correct_option_ids"]) == ("quiz", [1])
    await _vote(sandbox, message, ANNA, 0)
    for changed in ([1], []):
        assert _counts(await _vote(sandbox, message, ANNA, *changed, status=400)) == ([1, 0, 0], 1)


async def test_a_poll_that_is_over(sandbox: Sandbox) -> None:
    """The bot ends it once; then nobody votes."""
    message = await _ask(sandbox)
    await _vote(sandbox, message, ANNA, 0)
    where = {"chat_id": GROUP, "message_id": message["message_id"]}
    assert (await sandbox.call("stopPoll", **where))["is_closed"] is True
    assert _counts(await _vote(sandbox, message, BORIS, 0, status=400)) == ([1, 0, 0], 1)
    assert await sandbox.refused("stopPoll", **where) == (400, "Bad Request: poll has already been closed")
    assert (await _ask(sandbox, is_closed=True))["poll"]["is_closed"] is True


async def test_votes_move_with_their_group(sandbox: Sandbox) -> None:
    """They still count in the supergroup."""
    message = await _ask(sandbox)
    await _vote(sandbox, message, ANNA, 0)
    await sandbox.ask("POST", "upgrade")
    assert _counts(await _vote(sandbox, message | {"chat": {"id": SUPERGROUP}}, BORIS, 1)) == ([1, 1, 0], 2)


async def test_a_poll_of_a_person(sandbox: Sandbox) -> None:
    """Anybody may ask; the bot gets the question but no votes."""
    poll = {"question": "Какой?", "options": ["Ржаной", "Пшеничный"], "is_anonymous": False}
    await sandbox.call("getMe")
    await _hear_of(sandbox, "poll", "poll_answer", "message")
    message = await sandbox.say("", poll=poll)
    assert _counts(await _vote(sandbox, message, BORIS, 1)) == ([0, 1], 1)
    events = await sandbox.events()
    assert check_object("Message", _updates(events, "message")[-1]) == []
    assert _updates(events, "poll") == _updates(events, "poll_answer") == []
    await sandbox.ask("POST", "messages", 400, chat_id=GROUP, user_id=ANNA, poll=poll | {"options": []})


async def _hear_of(sandbox: Sandbox, *kinds: str) -> None:
    webhook = sandbox.app.state.sandbox.world.webhook
    assert await sandbox.call("setWebhook", **webhook, allowed_updates=kinds) is True


async def test_the_bot_hears_of_votes_if_it_asks(sandbox: Sandbox) -> None:
    """poll_answer only where votes are not secret."""
    message = await _ask(sandbox, is_anonymous=False)
    await _vote(sandbox, message, ANNA, 0)
    assert _updates(await sandbox.events(), "poll") == []
    await _hear_of(sandbox, "poll", "poll_answer")
    await _vote(sandbox, message, ANNA, 2)
    events = await sandbox.events()
    (poll,), (answer,) = _updates(events, "poll"), _updates(events, "poll_answer")
    assert check_object("Poll", poll) == [] == check_object("PollAnswer", answer)
    assert (_counts(poll), answer["option_ids"], answer["user"]["id"]) == (([0, 0, 1], 1), [2], ANNA)
    secret = await _ask(sandbox)
    await _vote(sandbox, secret, ANNA, 0)
    events = await sandbox.events()
    assert (len(_updates(events, "poll")), len(_updates(events, "poll_answer"))) == (2, 1)


async def test_the_bot_hears_of_reactions_if_it_may(sandbox: Sandbox) -> None:
    """As an administrator that has asked for them; what was there before is told, too."""
    message = await sandbox.say("раз")
    reaction = {"chat_id": GROUP, "message_id": message["message_id"], "user_id": BORIS}
    await _hear_of(sandbox, "message_reaction")
    await sandbox.ask("POST", "reactions", **reaction, emoji=["👍"])
    assert _updates(await sandbox.events(), "message_reaction") == []
    await sandbox.ask("POST", "members", chat_id=GROUP, user_id=BOT["id"], status="administrator")
    await sandbox.ask("POST", "reactions", **reaction, emoji=[])
    (told,) = _updates(await sandbox.events(), "message_reaction")
    assert check_object("MessageReactionUpdated", told) == []
    assert (told["old_reaction"], told["new_reaction"]) == ([{"type": "emoji", "emoji": "👍"}], [])


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"question": ""}, "poll question must be non-empty"),
        ({"question": "x" * 301}, "poll questions length must not exceed 300"),
        ({"options": []}, "poll must have at least 1 option"),
        ({"options": [{"text": "x"}] * 13}, "poll can't have more than 12 options"),
        ({"options": [{"text": " "}]}, "poll options must be non-empty"),
        ({"options": [{"text": "x" * 101}]}, "poll options length must not exceed 100"),
        ({"type": "quiz"}, "quiz must have a correct option"),
        ({"type": "quiz", "correct_option_ids": [1]}, "wrong correct option ID specified"),
    ],
)
async def test_wrong_polls(sandbox: Sandbox, wrong: Json, reason: str) -> None:
    """Telegram's limits of polls."""
    poll = {"chat_id": GROUP, "question": "x", "options": [{"text": "x"}]} | wrong
    assert await sandbox.refused("sendPoll", **poll) == (400, f"Bad Request: {reason}")


# ---- the stream


async def test_the_stream_tells_history_from_news(sandbox: Sandbox) -> None:
    """`ready` stands between what was and what comes; who comes back hears only the rest."""
    await sandbox.say("раз")
    async with sandbox.stream() as stream:
        seen = []
        async for name, number, data in stream:
            seen.append((name, data.get("message", {}).get("text")))
            if name == "ready":
                last = number
                await sandbox.say("два")
            if data.get("message", {}).get("text") == "два":
                break
    assert seen.index(("message", "раз")) < seen.index(("ready", None)) < seen.index(("message", "два"))
    texts = [event["message"].get("text") for event in await sandbox.events(last) if event["type"] == "message"]
    assert texts == ["два"]


async def test_a_page_that_was_away_for_too_long(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told to begin anew, as is one whose log is another one."""
    monkeypatch.setattr(history, "RECENT", 10)
    for number in range(11):
        await sandbox.say(str(number))
    for after in (1, 10**6):
        async with sandbox.stream(after) as stream:
            assert [(name, number) async for name, number, _ in stream] == [("reset", 0)]


# ---- starting over


async def test_start_over(sandbox: Sandbox) -> None:
    """All is as at the first visit, for people, pages and the bot, and works on."""
    await sandbox.say("Хлеб добавь триггер привет=Медвед")
    await sandbox.answer(".*привет.*")
    await sandbox.ask("POST", "upgrade")
    await sandbox.client.post("/sandbox/files", params={"kind": "document", "name": "x"}, content=b"x")
    async with sandbox.stream() as stream:
        async for name, number, _ in stream:
            if name == "ready":
                last = number
                await sandbox.ask("POST", "reset")
            elif name == "reset":
                break
    assert {event["type"] for event in await sandbox.events()} <= {"webhook", "allowed", "commands"}
    async with sandbox.stream(last) as stream:
        assert (await anext(stream))[0] == "reset"
    async with async_session() as session:
        for table in (Chat, SandboxFile):
            assert await session.scalar(select(func.count()).select_from(table)) == 0
    assert (await sandbox.call("getChat", chat_id=GROUP))["title"] == "Пекарня"
    assert (await sandbox.say("привет"))["message_id"] == 1
    await sandbox.say("Хлеб добавь триггер привет=Превед")
    await sandbox.answer(".*привет.*")
    await sandbox.say("привет")
    await sandbox.answer("Превед")


async def test_what_was_on_its_way_does_not_come(sandbox: Sandbox) -> None:
    """An answer that Telegram has not taken is forgotten, too."""
    await sandbox.ask("PUT", "mode", mode="500")
    await sandbox.say("Хлеб help")
    await sandbox.wait_for(lambda event: event["type"] == "call" and event["status"] == 500)
    await sandbox.ask("POST", "reset")
    assert sandbox.app.state.sandbox.world.mode == "normal"
    assert sandbox.app.state.outbox.depth == 0
    await sandbox.say("Хлеб кубик")
    await sandbox.wait_for(lambda event: event["type"] == "message" and "dice" in event["message"])
    answers = [one for one in await sandbox.events() if one["type"] == "message" and one["message"]["from"] == BOT]
    assert len(answers) == 1


# ---- the panel


async def test_what_the_bot_did_and_why(sandbox: Sandbox) -> None:
    """Of each update: the command, the calls, and the trace, however much the page asks for itself."""
    for said in ("Хлеб кубик", "тишина"):
        await sandbox.say(said)
    await sandbox.wait_for(lambda event: event["type"] == "call" and event["method"] == "sendDice")
    await sandbox.wait_for(lambda event: event["type"] == "handled" and event["update_id"] == 2)
    events = await sandbox.events()
    dice, silence = (event for event in events if event["type"] == "handled")
    assert (dice["command"], silence["command"]) == ("кубик", None)
    calls = {event["trace_id"]: event for event in events if event["type"] == "call" and "trace_id" in event}
    assert silence["trace_id"] not in calls
    assert (calls[dice["trace_id"]]["status"], calls[dice["trace_id"]]["result"]["dice"]["emoji"]) == (200, "🎲")
    for _ in range(120):
        await sandbox.client.get("/sandbox/cast")
    spans = await sandbox.ask("GET", f"traces/{dice['trace_id']}", 200)
    assert {"POST /", "command кубик", "outbox"} <= {one["name"] for one in spans}


# ---- delivery


async def test_one_bad_update_holds_up_only_its_chat(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is sent again, later each time, before what comes after it; other chats go on."""
    pauses: list[float] = []
    is_mended = asyncio.Event()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            await is_mended.wait()

    monkeypatch.setattr(delivery, "_sleep", pause)
    monkeypatch.setattr(settings, "MAX_ATTEMPTS", 100)
    stumbling = Stumbling()
    with stumbling.declared(sandbox.app.state.commands):
        await sandbox.say("Хлеб споткнись")
        await sandbox.say("Хлеб кубик")
        await sandbox.say("Хлеб кубик", chat_id=FORUM)
        event = await sandbox.wait_for(lambda one: one["type"] == "message" and "dice" in one["message"])
        assert event["message"]["chat"]["id"] == FORUM
        while len(pauses) < 3:
            await asyncio.sleep(0)
        assert pauses == [1.0, 2.0, 4.0]
        info = await sandbox.call("getWebhookInfo")
        assert info["pending_update_count"] == 2
        assert info["last_error_message"].startswith("Wrong response from the webhook: ")
        stumbling.is_on = False
        is_mended.set()
        await sandbox.wait_for(
            lambda one: one["type"] == "message" and "dice" in one["message"] and one["message"]["chat"]["id"] == GROUP
        )
    handled = [one["update_id"] for one in await sandbox.events() if one["type"] == "handled"]
    assert handled == [3, 1, 2]


async def test_a_restart_loses_nothing(database: Connection, switched_on: pytest.MonkeyPatch) -> None:
    """What was said is there, what was not delivered is delivered, and numbers go on."""
    async with serving(create_app()) as client:
        sandbox = Sandbox(client, app=None)  # type: ignore[arg-type]
        await sandbox.wait_for(lambda event: event["type"] == "webhook")
        await sandbox.say("Хлеб добавь триггер привет=Медвед")
        await sandbox.answer(".*привет.*")
        await sandbox.ask("POST", "reactions", chat_id=GROUP, message_id=1, user_id=ANNA, emoji=["👍"])
        await sandbox.call("deleteWebhook")
        await sandbox.say("привет")
        before = await sandbox.events()
    async with serving(create_app()) as client:
        sandbox = Sandbox(client, app=None)  # type: ignore[arg-type]
        assert (await sandbox.events())[: len(before)] == before
        answer = await sandbox.answer("Медвед")
        assert (answer["message_id"], answer["reply_to_message"]["text"]) == (4, "привет")


async def test_what_waits_at_the_start(
    database: Connection, switched_on: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It comes when the server has started, not while the apps still open: as none would reach a real one."""
    app = create_app()
    refused = asyncio.Event()

    async def wait(seconds: float) -> None:
        refused.set()
        await asyncio.Event().wait()

    switched_on.setattr(delivery, "_sleep", wait)
    stumbling = Stumbling()
    with stumbling.declared(app.state.commands):
        async with serving(app) as client:
            sandbox = Sandbox(client, app)
            await sandbox.wait_for(lambda event: event["type"] == "webhook")
            await sandbox.say("споткнись")
            await refused.wait()
    caplog.clear()
    stumbling.is_on = False
    app = create_app()
    with stumbling.declared(app.state.commands):
        async with serving(app) as client:
            await Sandbox(client, app).answer("устоял")
    assert "The webhook does not take update" not in caplog.text


async def test_polling(database: Connection, switched_on: pytest.MonkeyPatch) -> None:
    """Without a webhook the bot asks for its updates."""
    switched_on.setattr(settings, "WEBHOOK_URL", None)
    app = create_app()
    async with serving(app) as client:
        sandbox = Sandbox(client, app)
        await sandbox.say("Хлеб кубик")
        await sandbox.wait_for(lambda event: event["type"] == "message" and "dice" in event["message"])
        await sandbox.say("Хлеб кто самый умный?")
        handled = await sandbox.wait_for(lambda event: event["type"] == "handled")
        assert (handled["update_id"], handled["command"]) == (1, "кубик")
        assert (await sandbox.call("getWebhookInfo"))["url"] == ""


async def test_get_updates(sandbox: Sandbox) -> None:
    """Offset, limit, timeout and allowed_updates as Telegram has them."""
    webhook = (
        "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
    )
    assert await sandbox.refused("getUpdates") == (409, webhook)
    await sandbox.call("deleteWebhook")
    assert await sandbox.call("getUpdates") == []
    waiting = asyncio.create_task(sandbox.call("getUpdates", timeout=20, allowed_updates=["message"]))
    await sandbox.call("getMe")
    message = await sandbox.say("раз")
    assert [one["message"]["text"] for one in await waiting] == ["раз"]
    await sandbox.ask("PUT", "messages", chat_id=GROUP, message_id=message["message_id"], text="не слышно")
    for text in ("два", "три"):
        await sandbox.say(text)
    assert [one["update_id"] for one in await sandbox.call("getUpdates", limit=2)] == [1, 2]
    assert [one["message"]["text"] for one in await sandbox.call("getUpdates", offset=2)] == ["два", "три"]
    assert (await sandbox.call("getWebhookInfo"))["pending_update_count"] == 2
    assert [one["update_id"] for one in await sandbox.call("getUpdates", offset=-1)] == [3]
    assert await sandbox.call("getUpdates", offset=4) == []
    first = asyncio.create_task(sandbox.raw_call("getUpdates", timeout=20))
    while not first.done():
        await sandbox.raw_call("getUpdates")
    answer = (await first).json()
    assert (answer["error_code"], answer["description"].partition(":")[0]) == (409, "Conflict")
    await sandbox.say("четыре")
    assert [one["update_id"] for one in await sandbox.call("getUpdates")] == [4]
    await sandbox.call("deleteWebhook", drop_pending_updates=True)
    assert (await sandbox.call("getWebhookInfo"))["pending_update_count"] == 0


# ---- the log


async def test_the_log_is_cut_down_to_what_shows(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """After many events few rows are left, and they add up to the same."""
    monkeypatch.setattr(history, "RECENT", 10)
    monkeypatch.setattr(history, "_PRUNED_EVERY", 10**9)
    for module in (history, world):
        monkeypatch.setattr(module, "MESSAGES_KEPT", 5)
    await sandbox.ask("PUT", "mode", mode="500")
    for number in range(9):
        await sandbox.say(str(number))
    telegram = sandbox.app.state.sandbox
    await sandbox.wait_for(lambda event: event["type"] == "handled" and event["update_id"] == 9)
    await sandbox.ask("PUT", "mode", mode="normal")
    for text in ("а", "б", "в"):
        await sandbox.ask("PUT", "messages", chat_id=GROUP, message_id=8, text=text)
        await sandbox.ask("POST", "reactions", chat_id=GROUP, message_id=8, user_id=ANNA, emoji=[text])
    await sandbox.ask("POST", "deletions", chat_id=GROUP, message_id=9)
    poll = await _ask(sandbox)
    for number in (0, 1, 2):
        await _vote(sandbox, poll, ANNA, number)
    await sandbox.ask("POST", "members", chat_id=GROUP, user_id=BORIS, status="left")
    for text in ("г", "д", "е", "ё", "ж", "з"):
        await sandbox.say(text, chat_id=FORUM)
    await sandbox.wait_for(
        lambda event: event["type"] == "handled" and event["update_id"] == telegram.world.last_update
    )
    before, shown = await sandbox.events(), _shown(await sandbox.events())
    monkeypatch.setattr(history, "_PRUNED_EVERY", 1)
    await telegram.history.prune()
    after = await sandbox.events()
    last = _shown(after)
    assert last == {key: value for key, value in shown.items() if key in last}
    assert (GROUP, 8) in last and (GROUP, 3) not in last and (GROUP, 9) not in last
    assert len(after) < len(before) / 2
    kept = _fold(after)
    for name in (
        "chats",
        "members",
        "messages",
        "votes",
        "reactions",
        "waiting",
        "webhook",
        "allowed_updates",
        "mode",
        "last_update",
    ):
        assert getattr(kept, name) == getattr(telegram.world, name), name
    assert (await sandbox.say("последнее"))["message_id"] == 12


def _fold(events: list[Json]) -> world.World:
    folded = world.World()
    for event in events:
        folded.apply(event)
    return folded


def _shown(events: list[Json]) -> dict[Any, Any]:
    """What a page shows of these events."""
    shown: defaultdict[Any, Any] = defaultdict(dict)
    for event in events:
        match event["type"]:
            case "message" | "edit":
                shown[event["message"]["chat"]["id"], event["message"]["message_id"]] = event["message"]
            case "delete":
                shown.pop((event["chat_id"], event["message_id"]), None)
            case "reaction":
                shown["reactions", event["chat_id"], event["message_id"]][event["user_id"]] = event["emoji"]
    return dict(shown)


async def test_the_log_is_cut_by_itself(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without anybody asking."""
    monkeypatch.setattr(history, "RECENT", 10)
    monkeypatch.setattr(history, "_PRUNED_EVERY", 10)
    for number in range(10):
        await sandbox.say(str(number))
    await sandbox.wait_for(lambda event: event["type"] == "handled" and event["update_id"] == 10)
    for _ in range(30):
        await sandbox.ask("PUT", "mode", mode="normal")
    async with async_session() as session:
        kinds = list(await session.scalars(select(SandboxEvent.value["type"].astext)))
    assert kinds.count("mode") <= 21
    assert (kinds.count("message"), kinds.count("update"), kinds.count("handled")) == (10, 1, 1)


async def test_the_oldest_files_go(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """All files together keep to a size."""
    monkeypatch.setattr(files, "_ALL_FILES", 25)
    ids = []
    for _ in range(3):
        response = await sandbox.client.post(
            "/sandbox/files", params={"kind": "document", "name": "x"}, content=b"x" * 10
        )
        ids.append(response.json()["file_id"])
    statuses = [(await sandbox.client.get(f"/sandbox/files/{one}")).status_code for one in ids]
    assert statuses == [404, 200, 200]
