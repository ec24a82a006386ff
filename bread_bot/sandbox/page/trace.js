/** A trace as a waterfall: spans under the span that began them, runs of SQL folded. */

import {$, icon, make} from "./dom.js";
import {language, say} from "./words.js";

const INDENT_PX = 10;
const FOLDED_FROM = 3;
const SETTLE_MS = 250; // the last spans end a little after the last call

let shown = "";
let timer;
const opened = new Set();

/** Show a trace; it is asked for again whenever another call has come. */
export function drawTrace(traceId, calls) {
  const wanted = `${traceId} ${calls} ${language()}`;
  if (wanted === shown) return;
  if (!shown.startsWith(`${traceId} `)) opened.clear();
  shown = wanted;
  clearTimeout(timer);
  load(traceId, wanted);
  timer = setTimeout(() => load(traceId, wanted), SETTLE_MS);
}

async function load(traceId, wanted) {
  const spans = traceId ? await spansOf(traceId) : [];
  if (wanted !== shown) return;
  $("no-trace").hidden = spans.length > 0 || traceId === null;
  draw(spans.map((one) => ({...one, from: micros(one.begin), to: micros(one.end)})));
}

async function spansOf(traceId) {
  const response = await fetch(`/sandbox/traces/${traceId}`).catch(() => null); // the server may be away
  return response?.ok ? response.json() : [];
}

/** Microseconds of an ISO time, which Date would round to milliseconds. */
function micros(iso) {
  const [, seconds, fraction = ""] = /^([^.Z]*)(?:\.(\d+))?/.exec(iso);
  return Date.parse(`${seconds}Z`) * 1000 + Number(fraction.slice(0, 6).padEnd(6, "0"));
}

function draw(spans) {
  const known = new Set(spans.map((one) => one.id));
  const childrenOf = Map.groupBy(spans, (one) => (known.has(one.parent) ? one.parent : null));
  const begin = Math.min(...spans.map((one) => one.from));
  const whole = Math.max(...spans.map((one) => one.to)) - begin || 1;
  const scale = {begin, whole};
  const focused = document.activeElement.closest("#trace details")?.dataset.key;
  $("trace").replaceChildren(...(spans.length ? branch(null, 0) : []));
  if (focused) document.querySelector(`#trace [data-key="${focused}"] > summary`)?.focus();
  $("trace-total").textContent = spans.length ? milliseconds(whole) : "";

  function branch(parent, depth) {
    const rows = [];
    for (const run of runs((childrenOf.get(parent) ?? []).sort((one, other) => one.from - other.from))) {
      if (run.length < FOLDED_FROM)
        rows.push(...run.flatMap((one) => [row(one, depth, scale), ...branch(one.id, depth + 1)]));
      else rows.push(folded(run, depth, scale));
    }
    return rows;
  }

  /** Neighbours that are SQL without anything below them make one run. */
  function runs(siblings) {
    const grouped = [];
    for (const one of siblings) {
      const isPlain = isSql(one) && !childrenOf.has(one.id);
      const last = grouped.at(-1);
      if (isPlain && last?.isPlain) last.spans.push(one);
      else grouped.push({isPlain, spans: [one]});
    }
    return grouped.map((group) => group.spans);
  }
}

const isSql = (span) => span.name.startsWith("sql ");
const milliseconds = (value) => `${(value / 1000).toFixed(value < 10_000 ? 1 : 0)} ${say("ms")}`;

function line(name, spans, depth, {begin, whole}) {
  const title = make("span", {className: "span-name"}, name);
  title.style.paddingLeft = `${depth * INDENT_PX}px`;
  const bars = spans.map((one) => {
    const bar = make("i");
    bar.style.left = `${(100 * (one.from - begin)) / whole}%`;
    bar.style.width = `${(100 * (one.to - one.from)) / whole}%`;
    return bar;
  });
  const spent = spans.reduce((sum, one) => sum + one.to - one.from, 0);
  return [
    title,
    make("span", {className: "track", ariaHidden: "true"}, bars),
    make("span", {className: "spent", textContent: milliseconds(spent)}),
  ];
}

function row(span, depth, scale) {
  const attributes = Object.entries(span.attributes ?? {});
  const statement = span.attributes?.["db.statement"];
  const details = make(
    "details",
    {title: statement ?? ""},
    make("summary", {className: isSql(span) ? "sql" : ""}, ...line(span.name, [span], depth, scale)),
    make(
      "dl",
      {},
      attributes.flatMap(([name, value]) => [
        make("dt", {textContent: name}),
        make("dd", {textContent: String(value)}),
      ]),
    ),
  );
  return make("li", {}, kept(details, span.id));
}

function folded(run, depth, scale) {
  const details = make(
    "details",
    {className: "run"},
    make("summary", {className: "sql"}, ...line([icon("down"), `sql × ${run.length}`], run, depth, scale)),
    make(
      "ol",
      {},
      run.map((one) => row(one, depth + 1, scale)),
    ),
  );
  return make("li", {}, kept(details, `run ${run[0].id}`));
}

/** What was opened stays open when the trace is drawn again. */
function kept(details, key) {
  details.dataset.key = key;
  details.open = opened.has(key);
  details.ontoggle = () => (details.open ? opened.add(key) : opened.delete(key));
  return details;
}
