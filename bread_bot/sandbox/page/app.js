/** The page: its parts draw themselves from what has happened. */

import {$, icon} from "./dom.js";
import "./conversation.js"; // first: what is in sight is read, and the others tell what is not
import "./header.js";
import "./chats.js";
import "./composer.js";
import "./panel.js";
import {redraw} from "./redraw.js";
import {listen} from "./stream.js";
import {language, say, switchLanguage} from "./words.js";

/** The words of what stands in index.html: data-say is the text, data-label the name for a screen reader. */
function label() {
  document.documentElement.lang = language();
  for (const one of document.querySelectorAll("[data-say]")) one.textContent = say(one.dataset.say);
  for (const one of document.querySelectorAll("[data-label]")) {
    one.ariaLabel = say(one.dataset.label);
    if (one.matches("button")) one.title = one.ariaLabel;
  }
}

for (const one of document.querySelectorAll("[data-icon]")) one.prepend(icon(one.dataset.icon));
$("language").onclick = () => {
  switchLanguage();
  label();
  redraw();
};
label();
await listen();
redraw();
