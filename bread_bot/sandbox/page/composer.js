/** Below the conversation: who speaks, what they write and attach, and what to try first. */

import {ask, upload} from "./api.js";
import {startEditing, summary} from "./bubble.js";
import {$, face, icon, make} from "./dom.js";
import {here, speakAs, tryOut} from "./here.js";
import {openMenu} from "./menu.js";
import {redraw, shows} from "./redraw.js";
import {samples} from "./samples.js";
import {speak} from "./sending.js";
import {messagesOf} from "./world.js";
import {say} from "./words.js";

const OFFERS = [
  {name: "offerHelp", icon: "bread", texts: ["Хлеб help"]},
  {name: "offerWho", icon: "people", texts: ["Хлеб кто самый умный?"]},
  {name: "offerTeach", icon: "star", texts: ["Хлеб добавь триггер привет=Медвед", "привет"]},
];
const text = $("text");
let draftOfPlace = "";

function draw() {
  const {chat, thread, speaker, speakers, reply, editing} = here;
  const place = `${chat.id} ${thread}`;
  if (place !== draftOfPlace) {
    draftOfPlace = place;
    text.value = here.draft;
  }
  drawSpeaker(speaker, speakers);
  for (const id of ["text", "send", "attach", "speaker"]) $(id).disabled = !speaker;
  text.placeholder = say(speaker ? "text" : "nobodyHere");
  const pending = reply ?? editing;
  $("pending").hidden = !pending;
  if (pending) {
    $("pending-icon").replaceChildren(icon(reply ? "reply" : "edit"));
    $("pending-title").textContent = reply ? `${say("replyTo")}: ${reply.from.first_name}` : say("editing");
    $("pending-text").textContent = summary(pending);
  }
  drawOffers(messagesOf(chat, thread).length === 0 && chat.failed.length === 0);
}

function drawSpeaker(speaker, speakers) {
  const version = JSON.stringify([speakers.map((one) => one.id), speaker?.id]);
  if ($("speaker").dataset.version === version) return;
  $("speaker").dataset.version = version;
  $("speaker").replaceChildren(...speakers.map((one) => make("option", {value: one.id, textContent: one.first_name})));
  $("speaker").value = speaker?.id ?? "";
  $("speaker-face").replaceChildren(...(speaker ? [face(speaker.id, speaker.first_name)] : []));
  $("speaker-name").textContent = speaker?.first_name ?? "";
}

function drawOffers(isEmpty) {
  const left = OFFERS.filter((one) => !here.tried.includes(one.name));
  const isShown = here.speaker && (isEmpty || (left.length > 0 && !here.tried.includes("none")));
  $("offers").hidden = !isShown;
  document.body.classList.toggle("welcoming", isEmpty);
  if (!isShown) return;
  const offered = isEmpty ? OFFERS : left;
  const version = JSON.stringify([isEmpty, offered.map((one) => one.name), say("offers")]);
  if ($("offer-list").dataset.version === version) return;
  $("offer-list").dataset.version = version;
  $("offer-list").replaceChildren(
    ...offered.map((one) =>
      make(
        "button",
        {
          type: "button",
          className: "offer",
          onclick: () => accept(one),
        },
        icon(one.icon),
        make(
          "span",
          {},
          make("strong", {textContent: say(one.name)}),
          make("small", {textContent: one.texts.join(" → ")}),
        ),
      ),
    ),
  );
}

async function accept(offer) {
  tryOut(offer.name);
  for (const one of offer.texts) await speak({text: one});
  text.focus();
}

function cancel() {
  const wasEditing = here.editing;
  here.reply = here.editing = null;
  if (wasEditing) text.value = here.draft;
  redraw();
  text.focus();
}

$("composer").onsubmit = async (event) => {
  event.preventDefault();
  const said = text.value;
  const {editing} = here;
  if (!said.trim() || !here.speaker) return;
  if (!editing) {
    text.value = here.draft = "";
    await speak({text: said});
    return;
  }
  const isDone = await ask("PUT", "messages", {chat_id: here.chat.id, message_id: editing.message_id, text: said});
  if (isDone) cancel();
};
text.oninput = () => {
  if (!here.editing) here.draft = text.value;
};
text.onkeydown = (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    $("composer").requestSubmit();
  } else if (event.key === "Escape") cancel();
  else if (event.key === "ArrowUp" && !text.value) editLast(event);
};

function editLast(event) {
  const isOwn = (one) => one.from.id === here.speaker?.id && (one.text ?? one.caption);
  const last = messagesOf(here.chat, here.thread).findLast(isOwn);
  if (!last) return;
  event.preventDefault();
  startEditing(last);
}

async function sendFile(kind, name, blob) {
  const fileId = await upload(kind, name, blob);
  if (!fileId) return;
  const caption = text.value;
  text.value = here.draft = "";
  await speak({kind, file_id: fileId, text: caption});
}

function kindOfFile(type) {
  if (type === "image/gif") return "animation";
  return {image: "photo", audio: "voice", video: "video"}[type.split("/")[0]] ?? "document";
}

$("attach").onclick = () =>
  openMenu($("attach"), say("attach"), [
    {icon: "disk", text: say("fromDisk"), act: () => $("file").click()},
    ...Object.entries(samples).map(([kind, sample]) => ({
      icon: sample.icon,
      text: say(kind),
      act: async () => sendFile(kind, sample.name, await sample.draw()),
    })),
    {icon: "poll", text: say("poll"), act: beginPoll},
  ]);

function beginPoll() {
  $("poll-question").value = say("samplePoll");
  $("poll-options").value = say("sampleOptions");
  $("poll-many").checked = false;
  $("new-poll").showModal();
  $("poll-question").select();
}

$("poll-cancel").onclick = () => $("new-poll").close();
$("poll-form").onsubmit = () => {
  const options = $("poll-options")
    .value.split("\n")
    .map((one) => one.trim())
    .filter(Boolean);
  speak({poll: {question: $("poll-question").value, options, allows_multiple_answers: $("poll-many").checked}});
};
$("file").onchange = async () => {
  const [file] = $("file").files;
  if (file) await sendFile(kindOfFile(file.type), file.name, file);
  $("file").value = "";
};
$("speaker").onchange = () => {
  speakAs(Number($("speaker").value));
  redraw();
};
$("pending-cancel").onclick = cancel;
$("offers-hide").onclick = () => {
  tryOut("none");
  redraw();
  text.focus();
};
shows(draw);
