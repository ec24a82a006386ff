import {samples} from "./samples.js";
import {language, say, switchLanguage} from "./words.js";

const $ = (id) => document.getElementById(id);
const cast = await (await fetch("/sandbox/cast")).json();
const people = new Map([...cast.people, cast.bot].map((one) => [one.id, one]));
const chats = new Map(cast.chats.map((chat) => [chat.id, {...chat, members: cast.members[chat.id], messages: new Map(), reactions: new Map()}]));
const state = {chat: Number(sessionStorage.getItem("chat")) || -500, reply: null, editing: null, update: null, calls: [], handled: null, typing: new Map(), speaker: 101};
const FILES = ["photo", "voice", "sticker", "animation", "video", "video_note", "audio", "document"];
if (!chats.has(state.chat)) state.chat = -500;

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.filter((child) => child != null));
  return element;
}

async function ask(method, path, body) {
  const response = await fetch(`/sandbox/${path}`, {method, headers: {"content-type": "application/json"}, body: JSON.stringify(body ?? {})});
  if (!response.ok) toast((await response.json()).detail);
  return response.ok;
}

let toastTimer;
function toast(text) {
  $("toast").textContent = text; $("toast").hidden = false;
  clearTimeout(toastTimer); toastTimer = setTimeout(() => { $("toast").hidden = true; }, 5000);
}

// ---- what happens

function apply(event, isLive) {
  const message = event.message, chat = chats.get(message?.chat.id ?? event.chat_id);
  switch (event.type) {
    case "message": case "edit":
      chat?.messages.set(message.message_id, message);
      if (message.from.is_bot) state.typing.delete(chat?.id);
      break;
    case "delete": chat?.messages.delete(event.message_id); break;
    case "reaction": {
      const given = chat?.reactions.get(event.message_id) ?? new Map();
      given.set(event.user_id, event.emoji); chat?.reactions.set(event.message_id, given); break;
    }
    case "member": chat.members[event.user_id] = event.status; break;
    case "upgrade": {
      const old = chats.get(event.old_chat_id);
      chats.delete(event.old_chat_id); chats.set(event.chat.id, {...old, ...event.chat});
      if (state.chat === event.old_chat_id) state.chat = event.chat.id; break;
    }
    case "action":
      if (isLive) { state.typing.set(event.chat_id, Date.now() + 5000); setTimeout(draw, 5100); } break;
    case "toast": if (isLive) toast(event.text); break;
    case "update": state.update = event.update; state.handled = null; state.calls = []; break;
    case "handled": if (event.update_id === state.update?.update_id) { state.handled = event; if (isLive) showTrace(event.trace_id); } break;
    case "call": state.calls.push(event); if (isLive && event.trace_id) showTrace(event.trace_id); break;
    case "mode": $("mode").value = event.mode; break;
  }
}

let isLive = false, isDue = false;
function due() { if (!isDue) { isDue = true; requestAnimationFrame(() => { isDue = false; draw(); }); } }
const stream = new EventSource("/sandbox/events");
stream.onmessage = (event) => { apply(JSON.parse(event.data), isLive); due(); };
stream.onopen = () => { $("link").textContent = say("live"); document.body.dataset.live = "true"; setTimeout(() => { isLive = true; }, 300); };
stream.onerror = () => { $("link").textContent = say("lost"); document.body.dataset.live = "false"; };

// ---- what is seen

const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString(language(), {hour: "2-digit", minute: "2-digit"});
const kindOf = (message) => FILES.find((kind) => message[kind]);
function summary(message) {
  const kind = kindOf(message);
  return message.text ?? message.caption ?? (kind ? say(kind) : message.dice ? message.dice.emoji : message.poll?.question ?? "");
}
const titleOf = (chat) => (chat.type === "private" ? cast.bot.first_name : chat.title);

function service(message) {
  const users = message.new_chat_members?.map((one) => one.first_name).join(", ");
  const text = users ? `${say("joined")} ${users}` : message.left_chat_member ? `${say("left")} ${message.left_chat_member.first_name}`
    : message.migrate_from_chat_id || message.migrate_to_chat_id ? say("migrated") : null;
  return text && make("p", {className: "service", textContent: text});
}

function medium(message) {
  const kind = kindOf(message);
  if (!kind) return null;
  const file = Array.isArray(message[kind]) ? message[kind].at(-1) : message[kind];
  const src = `/sandbox/files/${encodeURIComponent(file.file_id)}`, mime = file.mime_type ?? "";
  if (mime.startsWith("image/")) return make("img", {src, alt: say(kind), className: kind});
  if (mime.startsWith("video/")) return make("video", {src, controls: true, className: kind});
  if (mime.startsWith("audio/")) return make("audio", {src, controls: true, ariaLabel: say(kind)});
  return make("a", {href: src, download: file.file_name, textContent: `📄 ${file.file_name ?? say(kind)}`});
}

function bubble(chat, message) {
  const place = {chat_id: chat.id, message_id: message.message_id}, own = message.from.id === state.speaker;
  const box = make("article", {className: own ? "bubble own" : "bubble"}, make("div", {className: "name", textContent: message.from.first_name}));
  box.dataset.bot = message.from.is_bot; box.dataset.id = message.message_id;
  if (message.reply_to_message) box.append(make("div", {className: "quote", textContent: `${message.reply_to_message.from.first_name}: ${summary(message.reply_to_message)}`}));
  const shown = medium(message);
  if (shown) box.append(shown);
  if (message.dice) box.append(make("div", {className: "dice", textContent: `${message.dice.emoji} ${message.dice.value}`}));
  if (message.poll) box.append(make("strong", {textContent: message.poll.question}), make("ul", {}, ...message.poll.options.map((one) => make("li", {textContent: `○ ${one.text}`}))));
  const text = message.text ?? message.caption;
  if (text) box.append(make("div", {className: "text", textContent: text}));
  if (message.reply_markup?.inline_keyboard) {
    box.append(make("div", {className: "keys"}, ...message.reply_markup.inline_keyboard.map((row) => make("div", {}, ...row.map((key) => make("button", {
      type: "button", textContent: key.text, onclick: () => ask("POST", "presses", {...place, user_id: state.speaker, data: key.callback_data}),
    }))))));
  }
  const emoji = [...(chat.reactions.get(message.message_id)?.values() ?? [])].flat();
  if (emoji.length) box.append(make("span", {className: "reactions", textContent: emoji.join(" ")}));
  box.append(make("time", {textContent: (message.edit_date ? `${say("edited")} ` : "") + clock(message.date)}));
  const tool = (name, act) => make("button", {type: "button", textContent: say(name), onclick: act});
  const tools = make("div", {className: "tools"}, tool("reply", () => { state.reply = message; state.editing = null; draw(); $("text").focus(); }),
    tool("like", () => ask("POST", "reactions", {...place, user_id: state.speaker, emoji: chat.reactions.get(message.message_id)?.get(state.speaker)?.length ? [] : ["👍"]})));
  if (own) tools.append(tool("edit", () => { state.editing = message; state.reply = null; $("text").value = text ?? ""; draw(); $("text").focus(); }));
  tools.append(tool("remove", () => ask("POST", "deletions", place)));
  box.append(tools);
  return box;
}

const drawn = new Map();
let drawnFor = "";
function drawMessages(chat) {
  const log = $("messages"), atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  const now = `${chat.id} ${state.speaker} ${language()}`;
  if (now !== drawnFor) { drawn.clear(); log.replaceChildren(); }
  const seen = new Set();
  for (const message of chat.messages.values()) {
    const thread = chat.is_forum && $("topic").value ? Number($("topic").value) : null;
    if (chat.is_forum && (message.message_thread_id ?? null) !== thread) continue;
    const version = JSON.stringify([message, [...(chat.reactions.get(message.message_id) ?? [])]]);
    let known = drawn.get(message.message_id);
    if (known?.version !== version) {
      const element = service(message) ?? bubble(chat, message);
      if (known) known.element.replaceWith(element); else log.append(element);
      drawn.set(message.message_id, known = {version, element});
    }
    seen.add(message.message_id);
  }
  for (const [id, known] of drawn) if (!seen.has(id)) { known.element.remove(); drawn.delete(id); }
  if (atEnd || now !== drawnFor) log.scrollTop = log.scrollHeight;
  drawnFor = now;
}

function drawChats() {
  const focused = document.activeElement?.dataset?.chat;
  $("chat-list").replaceChildren(...[...chats.values()].map((chat) => {
    const last = [...chat.messages.values()].at(-1);
    const button = make("button", {type: "button", onclick: () => { state.chat = chat.id; state.reply = null; sessionStorage.setItem("chat", chat.id); document.body.classList.remove("listing"); draw(); $("text").focus(); }},
      make("span", {className: "face", ariaHidden: "true", textContent: titleOf(chat)[0]}), make("strong", {textContent: titleOf(chat)}), make("small", {textContent: last ? summary(last) : ""}));
    button.ariaCurrent = String(chat.id === state.chat); button.dataset.chat = chat.id;
    return make("li", {}, button);
  }));
  if (focused) document.querySelector(`[data-chat="${focused}"]`)?.focus();
}

function options(select, pairs, value) {
  const wanted = JSON.stringify(pairs);
  if (select.dataset.pairs !== wanted) { select.dataset.pairs = wanted; select.replaceChildren(...pairs.map(([id, text]) => make("option", {value: id, textContent: text}))); }
  if (value != null) select.value = String(value);
}

function reason() {
  if (!state.update) return say("nobody");
  if (!state.handled) return say("waiting");
  const {command, outcome} = state.handled;
  if (command) return `${say("command")} «${command}»`;
  if (outcome?.silent) return say(outcome.silent);
  if (outcome?.key) return `${say("key")} «${outcome.key}»`;
  if (outcome?.listener === "answer_unknown") return say("unknown");
  return outcome?.listener ? say("spontaneous") : say("silent");
}

const OFFERS = ["Хлеб help", "Хлеб кто самый умный?", "Хлеб добавь триггер привет=Медвед"];
function draw() {
  const chat = chats.get(state.chat);
  const present = [...people.values()].filter((one) => !one.is_bot && ["creator", "administrator", "member"].includes(chat.members[one.id]));
  if (!present.some((one) => one.id === state.speaker)) state.speaker = present[0]?.id ?? 101;
  options($("speaker"), present.map((one) => [one.id, one.first_name]), state.speaker);
  options($("topic"), [["", say("general")], ...Object.entries(cast.topics)]); $("topic").hidden = !chat.is_forum;
  options($("attach"), [["", "+"], ["disk", say("fromDisk")], ...Object.keys(samples).map((kind) => [kind, say(kind)])], "");
  options($("mode"), [["normal", say("normal")], ["429", "429"], ["500", "500"], ["nothing", say("nothing")]], $("mode").value || "normal");
  $("title").textContent = titleOf(chat);
  $("subtitle").textContent = state.typing.get(chat.id) > Date.now() ? say("typing") : chat.type === "private" ? "@" + cast.bot.username : `${present.length + 1} ${say("members")}`;
  $("membership").hidden = chat.type === "private"; $("membership").textContent = "⋯"; $("membership").ariaLabel = say("members_menu");
  drawChats(); drawMessages(chat);
  const pending = state.reply ?? state.editing;
  $("replying").hidden = !pending;
  if (pending) $("replying").firstElementChild.textContent = `${say(state.reply ? "reply" : "edit")}: ${summary(pending)}`;
  const isNew = ![...chats.values()].some((one) => one.messages.size);
  $("offers").hidden = !isNew;
  if (isNew) $("offers").replaceChildren(make("p", {textContent: say("offers")}), make("div", {}, ...OFFERS.map((text) => make("button", {type: "button", textContent: text, onclick: () => speak({text})}))));
  $("why").textContent = reason();
  $("calls").replaceChildren(...state.calls.map((call) => make("li", {className: call.status === 200 ? "" : "bad"}, make("span", {textContent: call.method + (call.description ? `: ${call.description}` : "")}), make("span", {textContent: `${call.status} · ${call.ms} ms`}))));
  $("json").textContent = state.update ? JSON.stringify(state.update, null, 2) : "";
}

async function showTrace(id) {
  const spans = await (await fetch(`/sandbox/traces/${id}`)).json();
  if (!spans.length) return;
  const begin = Math.min(...spans.map((one) => Date.parse(one.begin))), end = Math.max(...spans.map((one) => Date.parse(one.end)));
  $("trace").replaceChildren(...spans.map((one) => {
    const from = Date.parse(one.begin) - begin, length = Date.parse(one.end) - begin - from, bar = make("i"), whole = Math.max(end - begin, 1);
    bar.style.marginLeft = `${100 * from / whole}%`; bar.style.width = `${100 * length / whole}%`;
    return make("li", {title: one.attributes["db.statement"] ?? ""}, make("span", {textContent: one.name}), make("span", {textContent: `${length} ms`}), bar);
  }));
}

// ---- what people do

function speak(what) {
  const chat = chats.get(state.chat), thread = chat.is_forum && $("topic").value ? Number($("topic").value) : null;
  const body = {chat_id: chat.id, user_id: state.speaker, thread_id: thread, reply_to: state.reply?.message_id ?? null, ...what};
  state.reply = null;
  return ask("POST", "messages", body);
}

$("composer").onsubmit = async (event) => {
  event.preventDefault();
  const text = $("text").value;
  if (!text.trim()) return;
  const editing = state.editing;
  state.editing = null; $("text").value = "";
  const done = editing ? await ask("PUT", "messages", {chat_id: editing.chat.id, message_id: editing.message_id, text}) : await speak({text});
  if (!done) $("text").value = text;
  due();
};
$("text").onkeydown = (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); $("composer").requestSubmit(); }
  if (event.key === "Escape") { state.reply = state.editing = null; draw(); }
};
async function sendFile(kind, name, blob) {
  const query = new URLSearchParams({kind, name});
  const response = await fetch(`/sandbox/files?${query}`, {method: "POST", headers: {"content-type": blob.type || "application/octet-stream"}, body: blob});
  const answer = await response.json();
  if (!response.ok) return toast(answer.detail);
  const text = $("text").value; $("text").value = "";
  await speak({kind, file_id: answer.file_id, text});
}
$("attach").onchange = async () => {
  const kind = $("attach").value; $("attach").value = "";
  if (kind === "disk") $("file").click();
  else if (kind) await sendFile(kind, kind === "document" ? "recipe.txt" : kind, await samples[kind]());
};
$("file").onchange = async () => {
  const file = $("file").files[0];
  if (!file) return;
  const kind = file.type === "image/gif" ? "animation" : {image: "photo", audio: "voice", video: "video"}[file.type.split("/")[0]] ?? "document";
  await sendFile(kind, file.name, file); $("file").value = "";
};
$("speaker").onchange = () => { state.speaker = Number($("speaker").value); draw(); };
$("topic").onchange = draw;
$("mode").onchange = () => ask("PUT", "mode", {mode: $("mode").value});
$("replying").lastElementChild.onclick = () => { state.reply = state.editing = null; $("text").value = ""; draw(); };
$("back").onclick = () => document.body.classList.add("listing");
function inspect(isOpen) { document.body.classList.toggle("inspecting", isOpen); $("inspect").ariaExpanded = String(isOpen); (isOpen ? $("close") : $("inspect")).focus(); }
$("inspect").onclick = () => inspect(!document.body.classList.contains("inspecting"));
$("close").onclick = () => inspect(false);
$("language").onclick = () => { switchLanguage(); label(); draw(); };
$("membership").onclick = () => {
  if (document.querySelector("#menu")) return document.querySelector("#menu").remove();
  const chat = chats.get(state.chat), menu = make("div", {id: "menu"});
  for (const one of people.values()) {
    const isHere = ["creator", "administrator", "member"].includes(chat.members[one.id]);
    menu.append(make("button", {type: "button", textContent: `${one.first_name}: ${say(isHere ? "leave" : "join")}`, onclick: () => { menu.remove(); ask("POST", "members", {chat_id: chat.id, user_id: one.id, status: isHere ? "left" : "member"}); }}));
  }
  if (chat.type === "group") menu.append(make("button", {type: "button", textContent: say("upgrade"), onclick: () => { menu.remove(); ask("POST", "upgrade"); }}));
  document.querySelector("main").append(menu); menu.firstElementChild.focus();
  menu.onkeydown = (event) => { if (event.key === "Escape") { menu.remove(); $("membership").focus(); } };
};

function label() {
  document.documentElement.lang = language();
  $("language").textContent = say("other");
  if (document.body.dataset.live) $("link").textContent = say(document.body.dataset.live === "true" ? "live" : "lost");
  for (const [id, word] of [["panel-title", "inspector"], ["mode-label", "mode"], ["why-title", "why"], ["calls-title", "calls"], ["trace-title", "trace"], ["json-title", "json"]]) $(id).textContent = say(word);
  for (const [id, word] of [["speaker", "speaker"], ["topic", "topic"], ["attach", "attach"], ["text", "text"], ["send", "send"], ["back", "back"], ["close", "close"], ["inspect", "inspector"], ["json", "json"], ["messages", "messages"], ["file", "fromDisk"]]) $(id).ariaLabel = say(word);
  $("text").placeholder = say("text"); $("replying").lastElementChild.ariaLabel = say("close");
}
label(); draw();
