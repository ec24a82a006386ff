"""Messages of the sandbox's page: what can be done with them, and what they carry."""

from pathlib import Path

import pytest

from bread_bot.tests.sandbox.page.messenger import GROUP, Messenger

playwright = pytest.importorskip("playwright.async_api", reason="there is no playwright here")
expect = playwright.expect


async def test_a_message_is_edited(page: Messenger) -> None:
    """From its menu, or by the arrow in an empty field; Escape leaves it as it is."""
    await page.say("прывет")
    await page.act(page.message("прывет"), "Изменить")
    await expect(page.find("#text")).to_have_value("прывет")
    await page.say("привет")
    await page.message("привет").get_by_text("изменено").wait_for()
    await page.page.press("#text", "ArrowUp")
    await expect(page.find("#text")).to_have_value("привет")
    await page.page.press("#text", "Escape")
    await expect(page.find("#text")).to_have_value("")
    await expect(page.find("#pending")).to_be_hidden()
    await expect(page.find("#updates [aria-checked=true]")).to_contain_text("Правка")


async def test_a_message_is_deleted(page: Messenger) -> None:
    """It leaves the conversation."""
    await page.say("лишнее")
    await page.act(page.message("лишнее"), "Удалить")
    await expect(page.find("article")).to_have_count(0)


async def test_a_reply_quotes(page: Messenger) -> None:
    """The quote names whom it quotes, and leads there."""
    await page.say("первое")
    await page.act(page.message("первое"), "Ответить")
    await page.find("#pending", has_text="первое").wait_for()
    await page.say("второе")
    quote = page.message("второе").locator(".quote")
    await expect(quote).to_have_text("Аннапервое")
    await quote.click()
    await expect(page.message("первое")).to_be_focused()


async def test_reactions_are_given_and_taken_back(page: Messenger) -> None:
    """They are counted, by whom they are, and a click takes one's own back."""
    await page.say("Пирог готов")
    await page.act(page.message("Пирог готов"), "Реакция 🔥")
    given = page.find(".reactions button")
    await expect(given).to_have_text("🔥1")
    await page.page.select_option("#speaker", label="Борис")
    await expect(given).to_have_attribute("aria-pressed", "false")
    await given.click()
    await expect(given).to_have_text("🔥2")
    await given.click()
    await expect(given).to_have_text("🔥1")


MARKUP = '<img src=x onerror="document.title=1"><b>жирно</b>&amp;'


async def test_markup_is_text(page: Messenger) -> None:
    """Whatever is said is shown as it is, wherever it shows."""
    await page.say(MARKUP)
    message = page.message(MARKUP)
    await page.act(message, "Ответить")
    await page.say("ответ")
    await expect(page.message("ответ").locator(".quote")).to_contain_text(MARKUP)
    await page.find("#updates [aria-checked=true]", has_text="ответ").wait_for()
    await expect(page.find("#json")).to_contain_text("onerror")
    await expect(page.find("article img, article b:not(.quote b), #panel img")).to_have_count(0)
    await page.enter(101)
    await expect(page.find(f'[data-chat="{GROUP}"]')).to_contain_text("ответ")


async def test_entities_are_elements(page: Messenger) -> None:
    """Bold is bold, nested as it was said, and a link leads to the web or nowhere."""
    text = "жирный курсив, код, сайт, ловушка https://хлеб.рф/a?b=1."
    entities = [
        {"type": "bold", "offset": 0, "length": 13},
        {"type": "italic", "offset": 7, "length": 6},
        {"type": "code", "offset": 15, "length": 3},
        {"type": "text_link", "offset": 20, "length": 4, "url": "https://example.com/"},
        {"type": "text_link", "offset": 26, "length": 7, "url": "tg://user?id=1"},
    ]
    await page.let_bot("sendMessage", chat_id=GROUP, text=text, entities=entities)
    words = page.message(text).locator(".words")
    await expect(words.locator("strong")).to_have_text("жирный курсив")
    await expect(words.locator("strong em")).to_have_text("курсив")
    await expect(words.locator("code")).to_have_text("код")
    await expect(words.locator("a")).to_have_text(["сайт", "https://хлеб.рф/a?b=1"])
    await expect(words.locator("a").first).to_have_attribute("rel", "noopener noreferrer")


@pytest.mark.parametrize(
    ("name", "selector"),
    [
        ("Картинка", "img.photo"),
        ("Стикер", "img.sticker"),
        ("Голосовое", ".player audio"),
        ("Кружок", "img.video_note"),
        ("Гифка", "img.animation"),
        ("Файл", "a.file[download='recipe.txt']"),
    ],
)
async def test_a_sample_is_sent_and_taught(page: Messenger, name: str, selector: str) -> None:
    """Whatever can be sent is shown as what it is, the bot learns it from a reply, and sends it back."""
    await page.attach(name)
    medium = page.find("article[data-bot=false]", has=page.find(selector))
    await page.act(medium, "Ответить")
    await page.say("Хлеб запомни триггер булка")
    await page.answer().first.wait_for()
    await page.say("булка")
    await page.answer().locator(selector).wait_for(state="attached")


async def test_a_recording_is_played(page: Messenger) -> None:
    """The player tells its length, plays, and can be set to a place from the keyboard."""
    await page.attach("Голосовое")
    player = page.find(".player")
    await expect(player.locator("small")).to_have_text("0:02")
    await player.get_by_role("slider").fill("0.5")
    await expect(player.locator(".played")).to_have_count(16)
    await expect(player.locator("small")).to_have_text("0:01")
    await page.button("Слушать: Голосовое").click()
    await page.button("Пауза: Голосовое").wait_for()
    await page.button("Слушать: Голосовое").wait_for()  # it has ended
    await expect(player.locator("small")).to_have_text("0:02")


async def test_a_file_from_the_disk(page: Messenger, tmp_path: Path) -> None:
    """A file with a caption goes as a document, a picture as a photo."""
    recipe = tmp_path / "рецепт.txt"
    recipe.write_text("Мука и вода")
    await page.find("#text").fill("вот рецепт")
    await page.find("#file").set_input_files(recipe)
    message = page.message("вот рецепт")
    await expect(message.locator("a.file")).to_contain_text("рецепт.txt")
    async with page.page.expect_download() as download:
        await message.locator("a.file").click()
    assert Path(await (await download.value).path()).read_text() == "Мука и вода"


async def test_a_die(page: Messenger) -> None:
    """The bot throws one, and its pips are what it has thrown."""
    await page.let_bot("sendDice", chat_id=GROUP)
    die = page.find(".die")
    label = await die.get_attribute("aria-label")
    assert label is not None
    await expect(die.locator(".pip")).to_have_count(int(label.removeprefix("🎲 ")))


async def test_a_poll(page: Messenger) -> None:
    """People vote, see what others chose, change their minds, and take the vote back."""
    await page.let_bot(
        "sendPoll", chat_id=GROUP, question="Какой хлеб?", options=[{"text": "Ржаной"}, {"text": "Белый"}]
    )
    rye, white = page.button("Ржаной"), page.button("Белый")
    await rye.click()
    await expect(page.find(".option").first).to_have_text("Ржаной100%")
    await page.page.select_option("#speaker", label="Борис")
    await expect(page.find(".option").first).to_have_text("Ржаной")
    await white.click()
    await expect(page.find(".option")).to_have_text(["Ржаной50%", "Белый50%"])
    await expect(page.find(".poll .total")).to_contain_text("2 голоса")
    await page.button("Отозвать голос").click()
    await expect(page.find(".poll .total")).to_contain_text("1 голос")


async def test_somebody_is_typing(page: Messenger) -> None:
    """The header and the list tell it, until the message comes."""
    await page.let_bot("sendChatAction", chat_id=GROUP, action="typing")
    await expect(page.find("#subtitle")).to_have_text("печатает…")
    await expect(page.find(f'[data-chat="{GROUP}"]')).to_contain_text("печатает…")
    await page.let_bot("sendMessage", chat_id=GROUP, text="готово")
    await expect(page.find("#subtitle")).to_have_text("6 участников")


async def test_somebody_begins_a_poll(page: Messenger) -> None:
    """With a question, answers a line each, and as many choices as one likes."""
    await page.attach("Опрос")
    await page.page.get_by_label("Вопрос").fill("Что печём?")
    await page.page.get_by_label("Ответы, по одному в строке").fill("Багет\n\nЧиабатта\n")
    await page.page.get_by_label("Можно выбрать несколько").check()
    await page.find("#poll-form").get_by_role("button", name="Отправить").click()
    for name in ("Багет", "Чиабатта"):
        await page.find(".option", has_text=name).click()
        await expect(page.find(".option", has_text=name)).to_have_attribute("aria-pressed", "true")
    await expect(page.find(".option")).to_have_text(["Багет100%", "Чиабатта100%"])
    await expect(page.find(".poll .total")).to_contain_text("1 голос")
