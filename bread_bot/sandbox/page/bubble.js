/** One message of a conversation. */

import {ask} from "./api.js";
import {$, face, hue, icon, iconButton, make} from "./dom.js";
import {formatted} from "./entities.js";
import {here} from "./here.js";
import {dice, medium, poll} from "./media.js";
import {openMenu} from "./menu.js";
import {redraw} from "./redraw.js";
import {kindOf} from "./world.js";
import {clock, say} from "./words.js";

const EMOJI = ["👍", "❤️", "🔥", "😁", "🤔", "👎"];
const BARE = ["sticker", "video_note"];

/** A message in one line. */
export function summary(message) {
  const kind = kindOf(message);
  const told = notice(message) ?? message.text ?? message.caption;
  if (told) return kind ? `${say(kind)}, ${told}` : told;
  if (message.poll) return `${say("poll")}: ${message.poll.question}`;
  return kind ? say(kind) : (message.dice?.emoji ?? "");
}

/** What a message of the chat itself says, or null when it is somebody's. */
export function notice(message) {
  const names = message.new_chat_members?.map((one) => one.first_name).join(", ");
  if (names) return say("joins", names);
  if (message.left_chat_member) return say("leaves", message.left_chat_member.first_name);
  if (message.forum_topic_closed) return say("topicClosed");
  if (message.forum_topic_reopened) return say("topicReopened");
  return message.migrate_from_chat_id || message.migrate_to_chat_id ? say("migrated") : null;
}

/** The element of a message; `run` tells whether it is the first and the last of its sender's in a row. */
export function messageElement(chat, message, run) {
  const told = notice(message);
  if (told) return make("p", {className: "service", textContent: told, dataset: {id: message.message_id}});
  const sender = message.from;
  const isOwn = sender.id === here.speaker?.id;
  const withFace = chat.type !== "private" && !isOwn;
  const more = iconButton("more", say("more"), () => openActions(more, chat, message, isOwn), "more");
  more.ariaHasPopup = "menu";
  more.tabIndex = -1;
  const article = make(
    "article",
    {
      className: ["message", isOwn && "own", run.isFirst && "first", run.isLast && "last"].filter(Boolean).join(" "),
      tabIndex: -1,
      ariaLabel: `${sender.first_name}, ${clock(message.date)}`,
      dataset: {id: message.message_id, bot: sender.is_bot},
    },
    withFace && (run.isLast ? face(sender.id, sender.first_name) : make("span", {className: "face none"})),
    make("div", {className: "body"}, bubble(chat, message, withFace && run.isFirst), keys(chat, message)),
    more,
  );
  article.oncontextmenu = (event) => {
    if (event.target.closest("a, img, video") || getSelection().toString()) return;
    event.preventDefault();
    more.onclick();
  };
  article.onkeydown = (event) => {
    if (event.target !== article || event.key !== "Enter") return;
    event.preventDefault();
    more.onclick();
  };
  return article;
}

function bubble(chat, message, isNamed) {
  const {from: sender, reply_to_message: replied} = message;
  const isBare = BARE.some((kind) => message[kind]) || Boolean(message.dice);
  const box = make("div", {className: isBare ? "bubble bare" : "bubble"});
  if (isNamed)
    box.append(make("div", {className: "name", textContent: sender.first_name, dataset: {hue: hue(sender.id)}}));
  if (replied) box.append(quote(replied));
  const shown = medium(message);
  if (shown) box.append(shown);
  if (message.dice) box.append(dice(message.dice));
  if (message.poll) box.append(poll(chat, message));
  const text = message.text ?? message.caption;
  const meta = make("span", {
    className: "meta",
    textContent: (message.edit_date ? `${say("edited")} ` : "") + clock(message.date),
  });
  if (text) {
    const words = make("span", {className: "words"}, ...formatted(text, message.entities ?? message.caption_entities));
    box.append(make("div", {className: "text"}, words, meta));
  } else {
    if (shown?.matches("img, video")) meta.classList.add("over");
    box.append(meta);
  }
  const given = reactions(chat, message);
  if (given) box.append(given);
  return box;
}

function quote(replied) {
  return make(
    "button",
    {
      type: "button",
      className: "quote",
      dataset: {hue: hue(replied.from.id)},
      ariaLabel: `${say("replyTo")}: ${replied.from.first_name}, ${summary(replied)}`,
      onclick: () => {
        const target = document.querySelector(`#history [data-id="${replied.message_id}"]`);
        target?.scrollIntoView({block: "center"});
        target?.focus({preventScroll: true});
      },
    },
    make("b", {textContent: replied.from.first_name}),
    make("span", {textContent: summary(replied)}),
  );
}

function keys(chat, message) {
  const rows = message.reply_markup?.inline_keyboard;
  if (!rows?.length) return null;
  const press = (key) =>
    here.speaker &&
    ask("POST", "presses", {
      chat_id: chat.id,
      message_id: message.message_id,
      user_id: here.speaker.id,
      data: key.callback_data,
    });
  const button = (key) => make("button", {type: "button", textContent: key.text, onclick: () => press(key)});
  return make(
    "div",
    {className: "keys"},
    rows.map((row) => make("div", {}, row.map(button))),
  );
}

function reactions(chat, message) {
  const givers = new Map();
  for (const [userId, emoji] of chat.reactions.get(message.message_id) ?? []) {
    for (const one of emoji) givers.set(one, [...(givers.get(one) ?? []), userId]);
  }
  if (!givers.size) return null;
  return make(
    "div",
    {className: "reactions"},
    [...givers].map(([emoji, users]) =>
      make(
        "button",
        {
          type: "button",
          ariaPressed: String(users.includes(here.speaker?.id)),
          ariaLabel: `${say("react")} ${emoji}: ${users.length}`,
          onclick: () => react(chat, message, emoji),
        },
        emoji,
        make("span", {textContent: users.length}),
      ),
    ),
  );
}

function react(chat, message, emoji) {
  const own = chat.reactions.get(message.message_id)?.get(here.speaker.id) ?? [];
  return ask("POST", "reactions", {
    chat_id: chat.id,
    message_id: message.message_id,
    user_id: here.speaker.id,
    emoji: own.includes(emoji) ? [] : [emoji],
  });
}

function openActions(anchor, chat, message, isOwn) {
  const text = message.text ?? message.caption;
  const begin = (what) => {
    Object.assign(here, {reply: null, editing: null}, what);
    redraw();
    $("text").focus();
  };
  const own = chat.reactions.get(message.message_id)?.get(here.speaker?.id) ?? [];
  openMenu(
    anchor,
    say("more"),
    [
      {icon: "reply", text: say("reply"), act: () => begin({reply: message})},
      ...(text ? [{icon: "copy", text: say("copy"), act: () => navigator.clipboard.writeText(text)}] : []),
      ...(isOwn && text ? [{icon: "edit", text: say("edit"), act: () => startEditing(message)}] : []),
      {
        icon: "remove",
        text: say("remove"),
        isDangerous: true,
        act: () => ask("POST", "deletions", {chat_id: chat.id, message_id: message.message_id}),
      },
    ],
    here.speaker
      ? EMOJI.map((emoji) => ({
          text: emoji,
          label: `${say("react")} ${emoji}`,
          isOn: own.includes(emoji),
          act: () => react(chat, message, emoji),
        }))
      : [],
  );
}

/** Put a message into the composer to change it. */
export function startEditing(message) {
  Object.assign(here, {reply: null, editing: message});
  $("text").value = message.text ?? message.caption;
  redraw();
  $("text").focus();
}

/** A message that the server did not take, with its way out. */
export function failure(chat, failed, retry) {
  const drop = () => {
    chat.failed.splice(chat.failed.indexOf(failed), 1);
    redraw();
  };
  const again = () => {
    drop();
    retry(chat, failed.speech);
  };
  return make(
    "article",
    {className: "message own failed first last", tabIndex: -1, ariaLabel: say("failed")},
    make(
      "div",
      {className: "body"},
      make(
        "div",
        {className: "bubble"},
        make("div", {className: "text", textContent: failed.speech.text || say(failed.speech.kind ?? "poll")}),
      ),
      make(
        "p",
        {className: "trouble", role: "alert"},
        icon("error"),
        `${say("failed")}: ${failed.error}`,
        make("button", {type: "button", className: "link", textContent: say("retry"), onclick: again}),
        make("button", {type: "button", className: "link", textContent: say("discard"), onclick: drop}),
      ),
    ),
  );
}
