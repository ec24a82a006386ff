/** Text with Telegram's entities as elements; what is said is never taken for markup. */

import {make} from "./dom.js";
import {say} from "./words.js";

const TAGS = {
  bold: "strong",
  italic: "em",
  underline: "u",
  strikethrough: "s",
  code: "code",
  pre: "pre",
  blockquote: "blockquote",
  expandable_blockquote: "blockquote",
};
const LINK = /https?:\/\/[^\s<>"«»]*[^\s<>"«».,!?)]/g;

/** The nodes of a text; offsets are UTF-16 units there and here. */
export function formatted(text, entities = []) {
  const sorted = [...entities].sort((one, other) => one.offset - other.offset || other.length - one.length);
  return between(text, 0, text.length, sorted);
}

function between(text, from, to, entities) {
  const nodes = [];
  let place = from;
  for (let index = 0; index < entities.length; index++) {
    const entity = entities[index];
    const end = Math.min(entity.offset + entity.length, to);
    if (entity.offset < place || end <= entity.offset) continue;
    nodes.push(...withLinks(text.slice(place, entity.offset)));
    const inner = entities.slice(index + 1).filter((one) => one.offset < end);
    nodes.push(wrapped(entity, text.slice(entity.offset, end), between(text, entity.offset, end, inner)));
    place = end;
  }
  return [...nodes, ...withLinks(text.slice(place, to))];
}

function wrapped(entity, text, children) {
  if (entity.type in TAGS) return make(TAGS[entity.type], {}, ...children);
  if (entity.type === "text_link") return link(entity.url, children);
  if (entity.type === "url") return link(text, [text]);
  if (entity.type === "spoiler") return spoiler(children);
  return make("span", {className: "mention"}, ...children);
}

function link(address, children) {
  if (!/^https?:\/\//i.test(address)) return make("span", {}, ...children);
  return make("a", {href: address, target: "_blank", rel: "noopener noreferrer"}, ...children);
}

function spoiler(children) {
  const button = make("button", {type: "button", className: "spoiler", ariaLabel: say("spoiler")});
  button.onclick = () => button.replaceWith(...children);
  button.append("▒".repeat(8));
  return button;
}

function withLinks(text) {
  const nodes = [];
  let place = 0;
  for (const found of text.matchAll(LINK)) {
    nodes.push(text.slice(place, found.index), link(found[0], [found[0]]));
    place = found.index + found[0].length;
  }
  return [...nodes, text.slice(place)].filter((node) => node !== "");
}
