/** Small tools for elements: everything is made of elements and text, never of markup. */

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  back: "M15 5l-7 7 7 7",
  bread: "M6 10a3.5 3.5 0 0 1 2-6h8a3.5 3.5 0 0 1 2 6v9H6z M10 9l1 2 M14 9l1 2",
  check: "M5 12.5l4.5 4.5L19 7.5",
  circle: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16z M10.5 9.5v5l4-2.5z",
  clip: "M19 11l-7.5 7.5a4.5 4.5 0 0 1-6.4-6.4L13 4.3a3 3 0 0 1 4.2 4.2L9.6 16a1.5 1.5 0 0 1-2.1-2.1l6.6-6.6",
  close: "M6 6l12 12 M18 6L6 18",
  copy: "M9 9h10v11H9z M5 15V4h10",
  die: "M5 5h14v14H5z M9 9h.01 M15 15h.01 M12 12h.01",
  disk: "M12 15V4 M8 8l4-4 4 4 M5 14v5h14v-5",
  down: "M6 9l6 6 6-6",
  edit: "M4 20l1-4L16 5l3 3L8 19z",
  error: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16z M12 8v5 M12 16h.01",
  file: "M7 3h7l4 4v14H7z M14 3v4h4",
  film: "M4 6h16v12H4z M10 9.5v5l4-2.5z",
  image: "M4 5h16v14H4z M4 16l5-5 4 4 2-2 5 4 M15.5 9h.01",
  lock: "M6 11h12v9H6z M8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  more: "M6 12h.01 M12 12h.01 M18 12h.01",
  panel: "M3 12h4l3-7 4 14 3-7h4",
  pause: "M9 6v12 M15 6v12",
  people:
    "M9 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6z M3.5 19a5.5 5.5 0 0 1 11 0 " +
    "M16 5.4a3 3 0 0 1 0 5.2 M17 14.3a5.5 5.5 0 0 1 3.5 4.7",
  play: "M8 5l11 7-11 7z",
  poll: "M6 20v-7 M12 20V4 M18 20v-11",
  remove: "M5 7h14 M9 7V4h6v3 M7 7l1 13h8l1-13",
  reply: "M10 6l-6 6 6 6 M4 12h9a7 7 0 0 1 7 6",
  restart: "M5 12a7 7 0 1 0 2.5-5.4 M5 4v4h4",
  send: "M4 12l16-8-5 16-3.5-6.5z M11.5 13.5L20 4",
  star: "M12 4l2.4 5 5.6.7-4 3.9 1 5.4-5-2.7-5 2.7 1-5.4-4-3.9 5.6-.7z",
  sticker: "M5 4h14v10l-6 6H5z M19 14h-6v6",
  upgrade: "M12 20V6 M6 11l6-6 6 6 M5 3h14",
  voice:
    "M12 4a2.5 2.5 0 0 0-2.5 2.5v5a2.5 2.5 0 0 0 5 0v-5A2.5 2.5 0 0 0 12 4z M6.5 11a5.5 5.5 0 0 0 11 0 M12 16.5V20",
};

export const $ = (id) => document.getElementById(id);

/** An element with its properties and children; children that are null or false are left out. */
export function make(tag, properties = {}, ...children) {
  const {dataset, ...others} = properties;
  const element = Object.assign(document.createElement(tag), others);
  Object.assign(element.dataset, dataset);
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

/** A picture of a line, hidden from screen readers: the words stand beside it or in the label. */
export function icon(name) {
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("viewBox", "0 0 24 24");
  picture.setAttribute("aria-hidden", "true");
  picture.classList.add("icon");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  picture.append(path);
  return picture;
}

/** A button with a picture only. */
export function iconButton(name, label, onclick, className = "") {
  return make(
    "button",
    {type: "button", className: `tool ${className}`, ariaLabel: label, title: label, onclick},
    icon(name),
  );
}

/** A round portrait: the first letter on somebody's own colour. */
export function face(id, name) {
  const element = make("span", {className: "face", ariaHidden: "true", textContent: [...name][0]});
  element.dataset.hue = hue(id);
  return element;
}

/** Somebody's colour; a group keeps its own when it becomes a supergroup, whose id ends alike. */
export const hue = (id) => (id === 1000 ? "bot" : String(id > 0 ? id % 6 : Math.floor((-id % 1000) / 100) % 6));

/** Moves the focus along a list by the arrow keys, Home and End; gives whether it did. */
export function moveFocus(event, elements, isHorizontal = false) {
  const steps = {ArrowDown: 1, ArrowUp: -1, ...(isHorizontal && {ArrowRight: 1, ArrowLeft: -1})};
  const place = elements.indexOf(document.activeElement);
  let next;
  if (event.key in steps) next = Math.min(Math.max(place + steps[event.key], 0), elements.length - 1);
  else if (event.key === "Home") next = 0;
  else if (event.key === "End") next = elements.length - 1;
  else return false;
  event.preventDefault();
  elements[next]?.focus();
  return true;
}
