/** The side panel: an update as it came, why the bot did what it did, its calls, and the trace. */

import {ask, toast} from "./api.js";
import {$, icon, make, moveFocus} from "./dom.js";
import {redraw, shows} from "./redraw.js";
import {drawTrace} from "./trace.js";
import {callsOf, world} from "./world.js";
import {clock, language, say} from "./words.js";
import {summary} from "./bubble.js";

const KEPT_IN_SIGHT = 40;
const MODES = [
  ["normal", "normal"],
  ["429", "refusal429"],
  ["500", "refusal500"],
  ["nothing", "nothing"],
];
const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|true|false|null/gi;
const wide = matchMedia("(min-width: 1101px)");
const phone = matchMedia("(max-width: 700px)");

let chosenId = null; // null: the latest, whichever it is
let shownAs = "";

function draw() {
  drawMode();
  const ids = [...world.updates.keys()];
  if (!world.updates.has(chosenId)) chosenId = null;
  const id = chosenId ?? ids.at(-1);
  const one = world.updates.get(id);
  const calls = one ? callsOf(one) : [];
  drawUpdates(ids.slice(-KEPT_IN_SIGHT).reverse(), id);
  $("latest").hidden = chosenId === null;
  const [sign, reason] = why(one, calls);
  $("why").replaceChildren(icon(sign), reason);
  $("why").dataset.sign = sign;
  drawTrace(one?.handled?.trace_id ?? null, calls.length);
  const version = JSON.stringify([id, calls.length, language()]);
  if (version === shownAs) return;
  shownAs = version;
  const focused = [...$("calls").children].findIndex((row) => row.contains(document.activeElement));
  $("calls").replaceChildren(...calls.map(call));
  $("calls").children[focused]?.querySelector("summary").focus();
  $("no-calls").hidden = calls.length > 0;
  $("json").replaceChildren(...(one ? coloured(JSON.stringify(one.update, null, 2)) : []));
}

function drawMode() {
  if ($("mode").dataset.language !== language()) {
    $("mode").dataset.language = language();
    $("mode").replaceChildren(...MODES.map(([value, word]) => make("option", {value, textContent: say(word)})));
  }
  $("mode").value = world.mode;
  $("mode").classList.toggle("failing", world.mode !== "normal");
}

// ---- which update

const bodyOf = (update) => Object.entries(update).find(([key]) => key !== "update_id");

function told(kind, body) {
  const name = (body.from ?? body.user)?.first_name ?? "";
  if (kind === "callback_query") return `${name}: ${body.data}`;
  if (kind.endsWith("message")) return `${name}: ${summary(body)}`;
  if (kind.endsWith("chat_member"))
    return `${body.new_chat_member.user.first_name}: ${say(body.new_chat_member.status)}`;
  return name || (body.question ?? "");
}

function drawUpdates(ids, id) {
  const version = JSON.stringify([ids.map((one) => [one, stateOf(world.updates.get(one))]), id, language()]);
  if ($("updates").dataset.version === version) return;
  $("updates").dataset.version = version;
  const hadFocus = $("updates").contains(document.activeElement);
  $("updates").replaceChildren(...ids.map((one) => choice(one, one === id)));
  const chosen = $("updates").querySelector("[aria-checked=true]");
  if (hadFocus) chosen?.focus();
}

/** What became of an update, for the dot before it. */
function stateOf(known) {
  if (!known.handled) return "waiting";
  const calls = callsOf(known);
  if (calls.some((one) => one.status !== 200)) return "bad";
  return calls.length ? "answered" : "silent";
}

function choice(id, isChosen) {
  const known = world.updates.get(id);
  const [kind, body] = bodyOf(known.update);
  return make(
    "button",
    {
      type: "button",
      role: "radio",
      ariaChecked: String(isChosen),
      tabIndex: isChosen ? 0 : -1,
      dataset: {update: id, state: stateOf(known)},
      onclick: () => choose(id),
    },
    make("i"),
    make("span", {className: "kind", textContent: say(`kind_${kind}`)}),
    make("span", {className: "told", textContent: told(kind, body)}),
    make("time", {textContent: clock(known.at)}),
  );
}

function choose(id) {
  chosenId = id === [...world.updates.keys()].at(-1) ? null : id;
  redraw();
}

$("updates").onkeydown = (event) => {
  if (moveFocus(event, [...$("updates").children], true)) choose(Number(document.activeElement.dataset.update));
};
$("latest").onclick = () => {
  chosenId = null;
  redraw();
  requestAnimationFrame(() => $("updates").querySelector("[aria-checked=true]").focus());
};

// ---- what became of it

function why(one, calls) {
  if (!one) return ["panel", say("nobody")];
  if (!one.handled) return ["panel", say("waiting")];
  const {command, outcome} = one.handled;
  if (command) return ["check", say("command", command)];
  if (outcome?.silent === "chance") return ["pause", say("chance")];
  if (outcome?.silent === "pause") return ["pause", say("keepsPause")];
  if (outcome?.key) return ["check", say("key", outcome.key)];
  if (outcome?.listener === "answer_unknown") return ["check", say("unknown")];
  if (outcome?.listener) return ["check", say("spontaneous")];
  return calls.length ? ["check", calls.map((call) => call.method).join(", ")] : ["pause", say("silent")];
}

function call(one) {
  const isGood = one.status === 200;
  return make(
    "li",
    {className: isGood ? "" : "bad"},
    make(
      "details",
      {},
      make(
        "summary",
        {},
        make("span", {className: "method", textContent: one.method}),
        make("span", {className: "status", textContent: one.status}),
        make("span", {className: "spent", textContent: `${one.ms} ${say("ms")}`}),
        !isGood && make("small", {textContent: one.description}),
      ),
      make("small", {textContent: `${say("params")}, ${clock(one.at)}`}),
      make("pre", {tabIndex: 0}, ...coloured(JSON.stringify(one.params, null, 2))),
      one.result !== undefined &&
        one.result !== null && [
          make("small", {textContent: say("result")}),
          make("pre", {tabIndex: 0}, ...coloured(JSON.stringify(one.result, null, 2))),
        ],
    ),
  );
}

/** JSON with its names, strings and numbers told apart by colour. */
function coloured(json) {
  const nodes = [];
  let place = 0;
  for (const found of json.matchAll(TOKEN)) {
    const [whole, string, colon] = found;
    nodes.push(json.slice(place, found.index));
    nodes.push(
      make("span", {
        className: colon ? "json-name" : string ? "json-string" : "json-value",
        textContent: string ?? whole,
      }),
      colon ?? "",
    );
    place = found.index + whole.length;
  }
  return [...nodes, json.slice(place)];
}

// ---- open and close

function inspect(isOpen) {
  document.body.classList.toggle("inspecting", isOpen);
  $("inspect").ariaExpanded = String(isOpen);
  for (const one of document.querySelectorAll("main, nav")) one.inert = isOpen && phone.matches;
}

$("inspect").onclick = () => {
  inspect(!document.body.classList.contains("inspecting"));
  if (document.body.classList.contains("inspecting")) $("close").focus();
};
$("close").onclick = () => {
  inspect(false);
  $("inspect").focus();
};
$("panel").onkeydown = (event) => {
  if (event.key === "Escape") $("close").click();
};
$("mode").onchange = () => ask("PUT", "mode", {mode: $("mode").value});
$("copy-json").onclick = async () => {
  await navigator.clipboard.writeText($("json").textContent);
  toast(say("copied"));
};
wide.onchange = () => inspect(wide.matches);
inspect(wide.matches);
shows(draw);
