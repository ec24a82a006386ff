/** What has happened: the sum of the events, as in the server's world.py. */

export const FILES = ["photo", "voice", "sticker", "animation", "video", "video_note", "audio", "document"];
const PRESENT = ["creator", "administrator", "member"];
const TYPING_SECONDS = 5;

export const world = {};

/** Forget all, and meet the people and the chats of the beginning. */
export async function begin() {
  const cast = await (await fetch("/sandbox/cast")).json();
  Object.assign(world, {
    bot: cast.bot,
    people: new Map([...cast.people, cast.bot].map((one) => [one.id, one])),
    topics: new Map(Object.entries(cast.topics).map(([id, title]) => [Number(id), title])),
    chats: new Map(cast.chats.map((chat) => [chat.id, withNothingSaid(chat, cast.members[chat.id])])),
    updates: new Map(),
    calls: [],
    closed: new Set(),
    mode: "normal",
    isReady: false,
  });
}

const withNothingSaid = (chat, members) => ({
  ...chat,
  members,
  messages: new Map(),
  reactions: new Map(),
  votes: new Map(),
  failed: [],
  action: null,
});

const isFresh = (event) => Date.now() / 1000 - event.at < TYPING_SECONDS;

/** Take an event in; gives what the page has to do about it at once, if anything. */
export function apply(event) {
  const {message} = event;
  const chat = world.chats.get(message?.chat.id ?? event.chat_id);
  switch (event.type) {
    case "message":
    case "edit":
      chat?.messages.set(message.message_id, message);
      if (chat && message.from.is_bot) chat.action = null;
      break;
    case "delete":
      chat?.messages.delete(event.message_id);
      break;
    case "reaction":
      entry(chat.reactions, event.message_id).set(event.user_id, event.emoji);
      break;
    case "vote":
      entry(chat.votes, event.message_id).set(event.user_id, event.option_ids);
      break;
    case "member":
      chat.members[event.user_id] = event.status;
      break;
    case "topic":
      world.closed[event.is_closed ? "add" : "delete"](`${event.chat_id}/${event.thread_id}`);
      break;
    case "upgrade": {
      const old = world.chats.get(event.old_chat_id);
      world.chats = new Map(
        [...world.chats].map(([id, one]) => (one === old ? [event.chat.id, {...old, ...event.chat}] : [id, one])),
      );
      return {moved: [event.old_chat_id, event.chat.id]};
    }
    case "action":
      if (chat && isFresh(event)) {
        chat.action = {
          name: event.action,
          thread: event.message_thread_id ?? null,
          until: (event.at + TYPING_SECONDS) * 1000,
        };
        return {wait: TYPING_SECONDS * 1000};
      }
      break;
    case "toast":
      return isFresh(event) ? {toast: event.text} : null;
    case "update":
      world.updates.set(event.update.update_id, {update: event.update, at: event.at, handled: null});
      break;
    case "handled":
      if (world.updates.has(event.update_id)) world.updates.get(event.update_id).handled = event;
      break;
    case "call":
      world.calls.push(event);
      break;
    case "mode":
      world.mode = event.mode;
      break;
  }
  return null;
}

function entry(map, key) {
  if (!map.has(key)) map.set(key, new Map());
  return map.get(key);
}

export const isPresent = (chat, userId) => PRESENT.includes(chat.members[userId]);
export const membersOf = (chat) => [...world.people.values()].filter((one) => isPresent(chat, one.id));
export const titleOf = (chat) => (chat.type === "private" ? world.bot.first_name : chat.title);
export const threadOf = (chat, message) => (chat.is_forum ? (message.message_thread_id ?? null) : null);
export const kindOf = (message) => FILES.find((kind) => message[kind]);
export const isAction = (chat) => chat.action !== null && chat.action.until > Date.now();

export const isClosed = (chat, thread) => world.closed.has(`${chat.id}/${thread}`);

/** The messages of one topic, or of a chat without topics. */
export const messagesOf = (chat, thread) =>
  [...chat.messages.values()].filter((message) => threadOf(chat, message) === thread);

/** The calls that an update caused; before it is handled, those that belong to nothing else. */
export function callsOf(one) {
  if (one.handled) return world.calls.filter((call) => call.trace_id === one.handled.trace_id);
  const known = new Set([...world.updates.values()].map((other) => other.handled?.trace_id));
  return world.calls.filter((call) => call.at >= one.at && !known.has(call.trace_id));
}
