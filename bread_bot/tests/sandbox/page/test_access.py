"""The sandbox's page for everybody: by keyboard, by screen reader, on a phone, in both languages and both themes."""

from typing import Any

import pytest

from bread_bot.tests.sandbox.page.server import Server
from bread_bot.tests.sandbox.page.messenger import GROUP, PRIVATE, Messenger

playwright = pytest.importorskip("playwright.async_api", reason="there is no playwright here")
expect = playwright.expect

# The texts whose contrast with what lies behind them is below 4.5 (WCAG 2.2, 1.4.3).
FAINT = """() => {
  const pen = Object.assign(document.createElement("canvas"), {width: 1, height: 1})
    .getContext("2d", {willReadFrequently: true});
  const rgb = (colors) => {
    pen.clearRect(0, 0, 1, 1);
    for (const color of colors) { pen.fillStyle = color; pen.fillRect(0, 0, 1, 1); }
    return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (color) => {
    const [r, g, b] = color.map((v) => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility({visibilityProperty: true})) continue;
    if (element.closest("option, script, :disabled")) continue;
    const behind = [];
    for (let one = element; one; one = one.parentElement) behind.unshift(getComputedStyle(one).backgroundColor);
    const back = rgb(behind), front = rgb([...behind, getComputedStyle(element).color]);
    const [low, high] = [light(back), light(front)].sort((a, b) => a - b);
    const contrast = (high + .05) / (low + .05);
    if (contrast < 4.5) found.push(`${element.className || element.id || element.tagName}: ${contrast.toFixed(2)}`);
  }
  return [...new Set(found)];
}"""
# Everything that can be used and has no name, or is hard to hit: smaller than 40 px, without what enlarges it.
NAMELESS = """() => [...document.querySelectorAll("button, select, textarea, input, a, [tabindex='0']")]
  .filter((one) => one.checkVisibility())
  .filter((one) => !(one.ariaLabel || one.textContent.trim() || one.labels?.[0]?.textContent.trim()))
  .map((one) => one.outerHTML)"""
SMALL = """() => [...document.querySelectorAll("button, select, textarea, summary, a.file")]
  .filter((one) => one.checkVisibility()).map((one) => {
    const {width, height} = one.getBoundingClientRect();
    const spread = getComputedStyle(one, "::after").content === "none" ? 0 : 10;
    return [one.id || one.className || one.textContent, Math.round(width + spread), Math.round(height + spread)];
  }).filter(([, width, height]) => width < 40 || height < 40)"""


async def _fill(page: Messenger) -> None:
    """Let the page show about everything it can."""
    await page.say("Хлеб help")
    await page.answer().first.wait_for()
    await page.page.select_option("#speaker", label="Борис")
    await page.say("Сайт https://example.com")
    await page.act(page.message("Сайт https://example.com"), "Реакция 👍")
    await page.act(page.message("Сайт https://example.com"), "Ответить")
    await page.say("ответ")
    await page.let_bot("sendPoll", chat_id=GROUP, question="Хлеб?", options=[{"text": "Да"}, {"text": "Нет"}])
    await page.button("Да").click()
    await page.button("Отозвать голос").wait_for()
    for name in ("Голосовое", "Файл", "Стикер"):
        await page.attach(name)
    await page.let_bot("sendMessage", chat_id=PRIVATE, text="в личку")
    await page.find("a.file").wait_for()
    await page.find("#trace summary").first.wait_for()


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_contrast_and_names(page: Messenger, theme: Any) -> None:
    """In either theme every text stands out from what is behind it, and everything that can be used has a name."""
    await page.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    assert await page.page.evaluate(FAINT) == []
    await _fill(page)
    await page.act(page.message("ответ"), "Ответить")
    await page.page.select_option("#mode", "500")
    assert await page.page.evaluate(FAINT) == []
    await page.find("#attach").click()
    assert await page.page.evaluate(FAINT) == []
    await page.page.keyboard.press("Escape")
    await page.button("Участники и чат").click()
    assert await page.page.evaluate(FAINT) == []
    assert await page.page.evaluate(NAMELESS) == []


async def test_the_keyboard_is_enough(page: Messenger) -> None:
    """Choose a chat, write, act on a message, open and leave menus and dialogs, all without a mouse."""
    keyboard, focused = page.page.keyboard, page.find(":focus")
    await page.find("#language").focus()
    await keyboard.press("Tab")
    await expect(focused).to_have_attribute("data-chat", str(PRIVATE))
    await keyboard.press("ArrowDown")
    await expect(focused).to_have_attribute("data-chat", str(GROUP))
    await keyboard.press("ArrowUp")
    await keyboard.press("Enter")
    await expect(page.find("#title")).to_have_text("Хлебушек")
    await expect(focused).to_have_id("text")
    await keyboard.type("с клавиатуры")
    await keyboard.press("Shift+Enter")
    await keyboard.type("в две строки")
    await keyboard.press("Enter")
    message = page.find("article", has_text="в две строки")
    await message.wait_for()
    await page.find("#messages").focus()
    await keyboard.press("ArrowUp")
    await expect(message).to_be_focused()
    await keyboard.press("Enter")
    await expect(page.find("[role=menu]")).to_be_visible()
    await keyboard.press("End")
    await expect(focused).to_have_text("Удалить")
    await keyboard.press("Escape")
    await expect(page.find("[role=menu]")).to_have_count(0)
    await expect(focused).to_have_attribute("aria-label", "Действия с сообщением")
    await keyboard.press("Enter")
    await keyboard.press("ArrowLeft")
    await keyboard.press("Enter")
    await expect(page.find(".reactions button")).to_have_text("👍1")
    await page.enter(GROUP)
    await expect(page.find("#membership")).to_be_visible()
    await page.find("#membership").focus()
    await keyboard.press("Enter")
    await expect(page.find("#members")).to_be_visible()
    await keyboard.press("Escape")
    await expect(page.find("#membership")).to_be_focused()


async def test_the_focus_is_seen(page: Messenger) -> None:
    """Whatever the Tab key reaches is marked."""
    await page.say("Хлеб help")
    await page.find(".keys button").first.wait_for()
    seen = set()
    await page.find("#language").focus()
    while True:
        await page.page.keyboard.press("Tab")
        if await page.page.evaluate("document.activeElement === document.body"):
            break  # once around
        mark = await page.page.evaluate("""() => {
                const one = document.activeElement, seen = one.closest("#speaker-label, .wave") ?? one;
                const {outlineStyle, borderColor} = getComputedStyle(seen);
                return [one.id || one.textContent, outlineStyle !== "none" || one.id === "text" && borderColor];
            }""")
        assert mark[1], mark
        seen.add(mark[0])
    assert {"text", "send", "speaker", "attach", "inspect", "mode", "json", "copy-json", "start-over"} <= seen


async def test_english(page: Messenger) -> None:
    """The switch turns the whole page, and a reload remembers it."""
    await page.say("Хлеб help")
    await page.answer().first.wait_for()
    await page.button("Switch to English").click()
    await expect(page.find("#subtitle")).to_have_text("6 members")
    await expect(page.find("#panel-title")).to_have_text("What happened")
    await expect(page.find("#why")).to_have_text("Command «help»")
    await page.visit()
    await expect(page.find("#text")).to_have_attribute("placeholder", "Message")
    await expect(page.find("html")).to_have_attribute("lang", "en")
    chrome = await page.page.evaluate("""() => [...document.querySelectorAll("[data-say], [data-label]")]
            .map((one) => one.dataset.label ? one.ariaLabel : one.textContent)""")
    assert [one for one in chrome if any("а" <= letter.lower() <= "я" for letter in one)] == ["Переключить на русский"]
    await page.button("Переключить на русский").click()
    await expect(page.find("#subtitle")).to_have_text("6 участников")


async def test_less_motion(page: Messenger) -> None:
    """Who asks for less motion sees none."""
    await page.page.emulate_media(reduced_motion="reduce")
    await page.let_bot("sendChatAction", chat_id=GROUP, action="typing")
    await expect(page.find("#subtitle")).to_have_text("печатает…")
    await page.find("#attach").click()
    assert await page.page.evaluate("document.getAnimations().length") == 0


async def test_a_phone(phone: Messenger) -> None:
    """One thing at a time: the conversation, the list behind it, the panel above it; all of it easy to hit."""
    await phone.find(".offer", has_text="Спросить о людях").click()
    await phone.answer().first.wait_for()
    await phone.act(phone.answer().first, "Реакция 👍")
    await expect(phone.find("nav")).to_be_hidden()
    assert await phone.page.evaluate("document.documentElement.scrollWidth") == 390
    assert await phone.page.evaluate(SMALL) == []
    await phone.button("К списку чатов").click()
    await expect(phone.find("main")).to_be_hidden()
    await expect(phone.find(f'[data-chat="{GROUP}"]')).to_be_focused()
    assert await phone.page.evaluate(SMALL) == []
    await phone.enter(PRIVATE)
    await expect(phone.find("#title")).to_have_text("Хлебушек")
    await phone.button("Что произошло").click()
    await expect(phone.find("#why")).to_be_in_viewport()
    assert await phone.page.evaluate(SMALL) == []
    assert await phone.page.evaluate("document.documentElement.scrollWidth") == 390
    await phone.page.keyboard.press("Escape")
    await expect(phone.find("#panel")).to_be_hidden()
    await expect(phone.find("#inspect")).to_be_focused()


async def test_unread_messages_wait_behind_the_list(phone: Messenger, server: Server) -> None:
    """What comes while the list covers the conversation is not read yet."""
    await phone.button("К списку чатов").click()
    await phone.let_bot("sendMessage", chat_id=GROUP, text="пока не видно")
    await expect(phone.find(f'[data-chat="{GROUP}"] .count')).to_have_text("1")
    await phone.enter(GROUP)
    await phone.message("пока не видно").wait_for()
    await phone.button("К списку чатов").click()
    await expect(phone.find(f'[data-chat="{GROUP}"] .count')).to_have_count(0)
