/** The list of chats, the connection's state, and the way to start over. */

import {ask} from "./api.js";
import {summary} from "./bubble.js";
import {$, face, make, moveFocus} from "./dom.js";
import {draftOf, goTo, here, unread} from "./here.js";
import {redraw, shows} from "./redraw.js";
import {isAction, titleOf, world} from "./world.js";
import {clock, count, say} from "./words.js";

let drawnAs = "";

function draw() {
  const rows = [...world.chats.values()].map((chat) => {
    const last = [...chat.messages.values()].at(-1);
    return {
      chat,
      waiting: unread(chat),
      isHere: chat === here.chat,
      time: last ? clock(last.date) : "",
      ...preview(chat, last),
    };
  });
  const version = JSON.stringify(rows.map(({chat, ...row}) => [chat.id, titleOf(chat), row]));
  if (version !== drawnAs) {
    drawnAs = version;
    const focused = document.activeElement?.dataset.chat;
    $("chat-list").replaceChildren(...rows.map((row) => make("li", {}, entry(row))));
    if (focused) document.querySelector(`[data-chat="${focused}"]`)?.focus();
  }
  const isLost = document.body.dataset.live === "false";
  $("link").textContent = document.body.dataset.live ? say(isLost ? "lost" : "live") : "";
  const total = rows.reduce((sum, row) => sum + row.waiting, 0);
  document.title = `${total ? `(${total}) ` : ""}${say("page")}`;
}

function preview(chat, last) {
  if (isAction(chat)) return {text: say(chat.action.name), kind: "action"};
  const draft = draftOf(chat);
  if (draft) return {text: draft, kind: "draft"};
  if (!last) return {text: say("empty"), kind: ""};
  const isNamed = chat.type !== "private" && !last.new_chat_members && !last.left_chat_member;
  return {text: isNamed ? `${last.from.first_name}: ${summary(last)}` : summary(last), kind: ""};
}

function entry({chat, waiting, isHere, time, text, kind}) {
  const button = make(
    "button",
    {type: "button", dataset: {chat: chat.id}, onclick: () => enter(chat.id)},
    face(chat.type === "private" ? world.bot.id : chat.id, titleOf(chat)),
    make("strong", {textContent: titleOf(chat)}),
    make("time", {textContent: time}),
    make("small", {className: kind}, kind === "draft" && make("b", {textContent: `${say("draft")}: `}), text),
    waiting > 0 && make("span", {className: "count", textContent: waiting, ariaLabel: count(waiting, "unread")}),
  );
  button.ariaCurrent = String(isHere);
  return button;
}

function enter(chatId) {
  goTo(chatId);
  document.body.classList.remove("listing");
  redraw();
  $("text").focus();
}

$("chat-list").onkeydown = (event) => {
  moveFocus(event, [...$("chat-list").querySelectorAll("button")]);
};
$("back").onclick = () => {
  document.body.classList.add("listing");
  redraw();
  document.querySelector(`[data-chat="${here.chat.id}"]`).focus();
};
$("start-over").onclick = () => $("sure").showModal();
$("sure").onclose = () => {
  if ($("sure").returnValue === "yes") ask("POST", "reset");
  $("sure").returnValue = "";
};
shows(draw);
