/** The conversation: messages by days and speakers, and where one is in it. */

import {failure, messageElement, notice} from "./bubble.js";
import {$, make, moveFocus} from "./dom.js";
import {here, markRead, unread} from "./here.js";
import {redraw, shows} from "./redraw.js";
import {send} from "./sending.js";
import {messagesOf} from "./world.js";
import {count, day, language, say} from "./words.js";

const NEAR_PX = 80;
const RUN_SECONDS = 300;

const scroller = $("messages");
const drawn = new Map();
let drawnFor = "";

function toEnd() {
  scroller.scrollTop = scroller.scrollHeight;
}

function draw() {
  const {chat, thread, speaker} = here;
  const now = [chat.id, thread, speaker?.id, language()].join();
  if (now !== drawnFor) {
    drawn.clear();
    $("history").replaceChildren();
    here.isAtEnd = true;
    drawnFor = now;
  }
  const wanted = [...elements(chat, thread)];
  const kept = new Set(wanted.map(([key]) => key));
  for (const key of drawn.keys()) if (!kept.has(key)) drawn.delete(key);
  put(wanted.map(([, element]) => element));
  if (here.isAtEnd) toEnd();
  if (here.isAtEnd && document.visibilityState === "visible" && !document.body.classList.contains("listing"))
    markRead();
  const waiting = unread(chat, thread);
  $("to-end").hidden = here.isAtEnd;
  $("to-end-count").textContent = waiting || "";
  $("to-end").ariaLabel = waiting ? `${say("toEnd")}, ${count(waiting, "unread")}` : say("toEnd");
}

/** Only what has changed is touched, so that the focus and players stay. */
function put(elements) {
  const history = $("history");
  const isWanted = new Set(elements);
  for (const one of [...history.children]) if (!isWanted.has(one)) one.remove();
  elements.forEach((one, place) => {
    if (history.children[place] !== one) history.insertBefore(one, history.children[place] ?? null);
  });
}

function* elements(chat, thread) {
  const messages = messagesOf(chat, thread);
  for (const [place, message] of messages.entries()) {
    const today = day(message.date);
    const before = messages[place - 1];
    if (!before || day(before.date) !== today) {
      yield known(`day ${today}`, "", () => make("p", {className: "day", textContent: today}));
    }
    const run = {isFirst: !continues(before, message), isLast: !continues(message, messages[place + 1])};
    const added = [chat.reactions, chat.votes].map((map) => [...(map.get(message.message_id) ?? [])]);
    const version = JSON.stringify([message, added, run]);
    yield known(message.message_id, version, () => messageElement(chat, message, run));
  }
  for (const failed of chat.failed) {
    if (failed.speech.thread_id === thread) yield [failed, failure(chat, failed, send)];
  }
}

const continues = (before, after) =>
  before &&
  after &&
  before.from.id === after.from.id &&
  after.date - before.date < RUN_SECONDS &&
  day(before.date) === day(after.date) &&
  notice(before) === null &&
  notice(after) === null;

function known(key, version, create) {
  if (drawn.get(key)?.version !== version) {
    const hadFocus = drawn.get(key)?.element.contains(document.activeElement);
    drawn.set(key, {version, element: create()});
    if (hadFocus) requestAnimationFrame(() => drawn.get(key)?.element.focus({preventScroll: true}));
  }
  return [key, drawn.get(key).element];
}

scroller.addEventListener("scroll", () => {
  const wasAtEnd = here.isAtEnd;
  here.isAtEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_PX;
  if (here.isAtEnd !== wasAtEnd) redraw();
});
scroller.addEventListener("keydown", (event) => {
  const messages = [...scroller.querySelectorAll("article")];
  if (event.target === scroller && ["ArrowUp", "End"].includes(event.key) && messages.length) {
    event.preventDefault();
    messages.at(-1).focus();
  } else if (event.target.matches("article")) moveFocus(event, messages);
  if (event.key === "Escape") $("text").focus();
});
// Pictures come later than their messages: the end stays the end.
const growth = new ResizeObserver(() => here.isAtEnd && toEnd());
growth.observe($("history"));
growth.observe(scroller);
document.addEventListener("visibilitychange", redraw);
$("to-end").onclick = () => {
  here.isAtEnd = true;
  toEnd();
  redraw();
  $("text").focus();
};
shows(draw);
