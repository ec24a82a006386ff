/** Above the conversation: its title and members, what somebody is doing, and the topics of a forum. */

import {ask} from "./api.js";
import {$, face, icon, iconButton, make} from "./dom.js";
import {goTo, here, unread} from "./here.js";
import {redraw, shows} from "./redraw.js";
import {isAction, isClosed, isPresent, membersOf, titleOf, world} from "./world.js";
import {count, say} from "./words.js";

const sheet = $("members");

function draw() {
  const {chat} = here;
  const isGroup = chat.type !== "private";
  $("title").textContent = titleOf(chat);
  $("subtitle").textContent = isAction(chat) ? say(chat.action.name) : about(chat);
  $("subtitle").classList.toggle("action", isAction(chat));
  $("chat-face").replaceChildren(face(isGroup ? chat.id : world.bot.id, titleOf(chat)));
  $("membership").hidden = !isGroup;
  drawTopics(chat);
  if (sheet.open) drawMembers(chat);
}

function about(chat) {
  if (chat.type === "private") return `@${world.bot.username}`;
  const members = count(membersOf(chat).length, "members");
  return isPresent(chat, world.bot.id) ? members : `${members}, ${say("withoutBot")}`;
}

function drawTopics(chat) {
  $("topics").hidden = !chat.is_forum;
  if (!chat.is_forum) return;
  const topics = [[null, say("general")], ...world.topics];
  const version = JSON.stringify([topics, here.thread, topics.map(([id]) => [unread(chat, id), isClosed(chat, id)])]);
  if ($("topics").dataset.version === version) return;
  const hadFocus = $("topics").contains(document.activeElement);
  $("topics").dataset.version = version;
  $("topics").replaceChildren(
    ...topics.map(([id, title]) => {
      const waiting = id === here.thread ? 0 : unread(chat, id);
      const button = make(
        "button",
        {
          type: "button",
          dataset: {topic: id ?? ""},
          ariaPressed: String(id === here.thread),
          onclick: () => {
            goTo(chat.id, id);
            redraw();
          },
        },
        isClosed(chat, id) && icon("lock"),
        title,
        waiting > 0 && make("span", {className: "count", textContent: waiting, ariaLabel: count(waiting, "unread")}),
      );
      return button;
    }),
  );
  if (hadFocus) $("topics").querySelector("[aria-pressed=true]").focus();
}

// ---- members

function drawMembers(chat) {
  const focused = document.activeElement?.dataset.action;
  $("members-title").textContent = say("membership");
  $("member-list").replaceChildren(
    ...[world.bot, ...[...world.people.values()].filter((one) => !one.is_bot)].map((one) => member(chat, one)),
  );
  drawDeed("upgrade", chat.type === "group", "upgrade", say("upgrade"), say("upgradeHint"));
  const verb = isClosed(chat, here.thread) ? "openTopic" : "closeTopic";
  drawDeed("topic-state", here.thread !== null, "lock", say(verb, world.topics.get(here.thread)), say("topicHint"));
  if (focused) sheet.querySelector(`[data-action="${focused}"]`)?.focus();
}

function drawDeed(id, isPossible, picture, name, hint) {
  $(id).hidden = !isPossible;
  if (isPossible) $(id).replaceChildren(icon(picture), make("span", {}, name, make("small", {textContent: hint})));
}

function member(chat, one) {
  const status = chat.members[one.id] ?? "left";
  const isHere = isPresent(chat, one.id);
  const isAdministrator = status === "administrator";
  const change = (wanted) => ask("POST", "members", {chat_id: chat.id, user_id: one.id, status: wanted});
  const star =
    isHere &&
    status !== "creator" &&
    iconButton(
      "star",
      `${say(isAdministrator ? "demote" : "promote")}: ${one.first_name}`,
      () => change(isAdministrator ? "member" : "administrator"),
      isAdministrator ? "on" : "",
    );
  if (star) Object.assign(star, {ariaPressed: String(isAdministrator)}).dataset.action = `star ${one.id}`;
  const verb = say(isHere ? "leave" : "join");
  return make(
    "li",
    {className: isHere ? "" : "absent"},
    face(one.id, one.first_name),
    make(
      "span",
      {className: "grow"},
      make("strong", {textContent: one.first_name}),
      make("small", {textContent: say(one.is_bot && isHere && !isAdministrator ? "bot" : status)}),
    ),
    star,
    make("button", {
      type: "button",
      className: "quiet",
      textContent: verb,
      ariaLabel: `${verb}: ${one.first_name}`,
      dataset: {action: `move ${one.id}`},
      onclick: () => change(isHere ? "left" : "member"),
    }),
  );
}

$("membership").onclick = () => {
  sheet.showModal();
  redraw();
};
sheet.onclick = (event) => {
  if (event.target === sheet) sheet.close(); // a click beside it
};
$("members-close").onclick = () => sheet.close();
$("upgrade").onclick = async () => {
  if (await ask("POST", "upgrade")) sheet.close();
};
$("topic-state").onclick = () => {
  const {chat, thread} = here;
  ask("POST", "topics", {chat_id: chat.id, thread_id: thread, is_closed: !isClosed(chat, thread)});
};
shows(draw);
