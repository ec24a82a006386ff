/** Where the person at the page is: chat, topic, speaker, drafts, and what is read; remembered by the browser. */

import {isPresent, messagesOf, threadOf, world} from "./world.js";

const FIRST_CHAT = -500;
const MEMORY = "bread-sandbox";

const stored = JSON.parse(localStorage.getItem(MEMORY) ?? "{}");
const memory = {chat: FIRST_CHAT, speaker: 101, threads: {}, drafts: {}, read: {}, tried: [], ...stored};
const remember = () => localStorage.setItem(MEMORY, JSON.stringify(memory));

export const here = {
  reply: null,
  editing: null,
  isAtEnd: true, // of the conversation, which is followed then
  get chat() {
    return world.chats.get(memory.chat) ?? world.chats.values().next().value;
  },
  get thread() {
    return this.chat.is_forum ? (memory.threads[this.chat.id] ?? null) : null;
  },
  /** Who speaks: the one that was chosen, while they are in the chat; undefined when nobody is. */
  get speaker() {
    const present = this.speakers;
    return present.find((one) => one.id === memory.speaker) ?? present[0];
  },
  get speakers() {
    return [...world.people.values()].filter((one) => !one.is_bot && isPresent(this.chat, one.id));
  },
  get draft() {
    return memory.drafts[place(this.chat, this.thread)] ?? "";
  },
  set draft(text) {
    memory.drafts[place(this.chat, this.thread)] = text;
    remember();
  },
  get tried() {
    return memory.tried;
  },
};

const place = (chat, thread) => `${chat.id}/${thread ?? ""}`;

export function goTo(chatId, thread) {
  memory.chat = chatId;
  if (thread !== undefined) memory.threads[chatId] = thread;
  here.reply = here.editing = null;
  remember();
}

export function speakAs(userId) {
  memory.speaker = userId;
  remember();
}

export function tryOut(name) {
  memory.tried.push(name);
  remember();
}

export const draftOf = (chat) =>
  Object.entries(memory.drafts).find(
    ([key, text]) => text && key.startsWith(`${chat.id}/`) && chat !== here.chat,
  )?.[1] ?? "";

/** Everything that is in sight is read. */
export function markRead() {
  const key = place(here.chat, here.thread);
  const last = messagesOf(here.chat, here.thread).at(-1)?.message_id ?? 0;
  if ((memory.read[key] ?? 0) >= last) return;
  memory.read[key] = last;
  remember();
}

/** How many messages of a chat, or of one topic of it, nobody has looked at yet. */
export function unread(chat, thread) {
  return [...chat.messages.values()].filter((message) => {
    const own = threadOf(chat, message);
    return (thread === undefined || thread === own) && message.message_id > (memory.read[place(chat, own)] ?? 0);
  }).length;
}

/** A chat has another number from now on. */
export function move(oldId, newId) {
  if (memory.chat === oldId) memory.chat = newId;
  for (const kept of [memory.drafts, memory.read]) {
    for (const [key, value] of Object.entries(kept)) {
      if (!key.startsWith(`${oldId}/`)) continue;
      kept[key.replace(`${oldId}/`, `${newId}/`)] = value;
      delete kept[key];
    }
  }
  remember();
}

/** The sandbox begins anew, so nothing is read, written or tried. */
export function forget() {
  Object.assign(memory, {drafts: {}, read: {}, tried: [], chat: FIRST_CHAT, threads: {}});
  here.reply = here.editing = null;
  remember();
}
