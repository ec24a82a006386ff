/** What a message carries besides text: pictures, recordings, files, dice and polls. */

import {ask} from "./api.js";
import {icon, make} from "./dom.js";
import {here} from "./here.js";
import {kindOf} from "./world.js";
import {count, language, say} from "./words.js";

const BARS = 32;
const LOOPED = ["video_note", "animation"];
const still = matchMedia("(prefers-reduced-motion: reduce)");

/** The element of a message's file, or null. */
export function medium(message) {
  const kind = kindOf(message);
  if (!kind) return null;
  const file = Array.isArray(message[kind]) ? message[kind].at(-1) : message[kind];
  const src = `/sandbox/files/${encodeURIComponent(file.file_id)}`;
  const mime = file.mime_type ?? "";
  if (mime.startsWith("image/")) return make("img", {src, alt: say(kind), className: `medium ${kind}`});
  if (mime.startsWith("video/")) return film(kind, src);
  if (mime.startsWith("audio/")) return player(kind, src, file);
  return make(
    "a",
    {className: "file", href: src, download: file.file_name ?? ""},
    make("span", {className: "badge"}, icon("file")),
    make(
      "span",
      {},
      make("b", {textContent: file.file_name ?? say(kind)}),
      make("small", {textContent: size(file.file_size)}),
    ),
  );
}

function film(kind, src) {
  const video = make("video", {src, className: `medium ${kind}`, ariaLabel: say(kind), playsInline: true});
  video.controls = !LOOPED.includes(kind) || still.matches;
  if (LOOPED.includes(kind)) Object.assign(video, {loop: true, muted: true, autoplay: !still.matches});
  return video;
}

function size(bytes = 0) {
  const step = bytes < 1000 ? 0 : bytes < 1_000_000 ? 1 : 2;
  const unit = ["byte", "kilobyte", "megabyte"][step];
  const form = new Intl.NumberFormat(language(), {style: "unit", unit, maximumFractionDigits: 1});
  return form.format(bytes / 1000 ** step);
}

/** A player with a wave to jump in; the wave is drawn from the file's id, so each has its own. */
function player(kind, src, file) {
  const audio = make("audio", {src, preload: "metadata"});
  const button = make(
    "button",
    {type: "button", className: "badge", ariaLabel: `${say("play")}: ${say(kind)}`},
    icon("play"),
  );
  const seed = [...(file.file_unique_id ?? src)].map((letter) => letter.charCodeAt(0));
  const bars = Array.from({length: BARS}, (_, place) => {
    const bar = make("i");
    bar.style.height = `${20 + ((seed[place % seed.length] * (place + 7)) % 80)}%`;
    return bar;
  });
  const seek = make("input", {type: "range", min: 0, max: 1, step: 0.01, value: 0, ariaLabel: say("seek")});
  const time = make("small", {textContent: length(file.duration ?? 0)});
  const show = () => {
    const part = audio.duration ? audio.currentTime / audio.duration : 0;
    bars.forEach((bar, place) => bar.classList.toggle("played", place / BARS < part));
    seek.value = part;
    time.textContent = length(audio.paused && !part ? audio.duration || file.duration || 0 : audio.currentTime);
    button.replaceChildren(icon(audio.paused ? "play" : "pause"));
    button.ariaLabel = `${say(audio.paused ? "play" : "pause")}: ${say(kind)}`;
  };
  for (const name of ["play", "pause", "timeupdate", "loadedmetadata"]) audio.addEventListener(name, show);
  audio.addEventListener("ended", () => {
    audio.currentTime = 0;
  });
  button.onclick = () => (audio.paused ? audio.play() : audio.pause());
  seek.oninput = () => {
    const part = Number(seek.value);
    const jump = () => {
      audio.currentTime = part * audio.duration;
    };
    if (audio.duration) jump();
    else audio.addEventListener("loadedmetadata", jump, {once: true});
  };
  return make("div", {className: "player"}, audio, button, make("div", {className: "wave"}, bars, seek), time);
}

const length = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.round(seconds % 60)).padStart(2, "0")}`;

/** A die is drawn, other dice are told by their emoji and value. */
export function dice({emoji, value}) {
  const label = `${emoji} ${value}`;
  if (emoji !== "🎲") return make("div", {className: "dice", textContent: label});
  const pips = {1: [5], 2: [1, 9], 3: [1, 5, 9], 4: [1, 3, 7, 9], 5: [1, 3, 5, 7, 9], 6: [1, 3, 4, 6, 7, 9]}[value];
  const places = Array.from({length: 9}, (_, place) => make("i", {className: pips.includes(place + 1) ? "pip" : ""}));
  return make("div", {className: "die", role: "img", ariaLabel: label}, places);
}

/** A poll: its options are buttons, with what they have got once the speaker has voted. */
export function poll(chat, message) {
  const {question, options, is_closed, is_anonymous, type, allows_multiple_answers, allows_revoting} = message.poll;
  const own = (here.speaker && chat.votes.get(message.message_id)?.get(here.speaker.id)) ?? [];
  const total = message.poll.total_voter_count ?? options.reduce((sum, one) => sum + one.voter_count, 0);
  const isTold = own.length > 0 || is_closed;
  const vote = (ids) =>
    ask("POST", "votes", {
      chat_id: chat.id,
      message_id: message.message_id,
      user_id: here.speaker.id,
      option_ids: ids,
    });
  const toggled = (place) => {
    if (own.includes(place)) return own.filter((one) => one !== place);
    return allows_multiple_answers ? [...own, place] : [place];
  };
  const rows = options.map((one, place) => {
    const percent = total ? Math.round((100 * one.voter_count) / total) : 0;
    const isOwn = own.includes(place);
    const bar = make("i", {className: "share"});
    bar.style.width = `${isTold ? percent : 0}%`;
    return make(
      "button",
      {
        type: "button",
        className: "option",
        disabled: Boolean(is_closed) || !here.speaker,
        ariaPressed: String(isOwn),
        onclick: () => vote(toggled(place)),
      },
      make("span", {className: allows_multiple_answers ? "mark square" : "mark"}, isOwn && icon("check")),
      make("span", {textContent: one.text}),
      isTold && make("b", {textContent: `${percent}%`}),
      bar,
    );
  });
  const kind = is_closed ? "closed" : type === "quiz" ? "quiz" : is_anonymous === false ? "open" : "anonymous";
  const retract =
    own.length > 0 &&
    !is_closed &&
    allows_revoting !== false &&
    make("button", {type: "button", className: "link", textContent: say("retract"), onclick: () => vote([])});
  return make(
    "div",
    {className: "poll", role: "group", ariaLabel: question},
    make("strong", {textContent: question}),
    make("small", {textContent: say(kind)}),
    rows,
    make("small", {className: "total"}, count(total, "votes"), retract),
  );
}
