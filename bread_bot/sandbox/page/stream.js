/** The stream of events: it reconnects by itself and loses nothing. */

import {toast} from "./api.js";
import {$} from "./dom.js";
import {forget, move} from "./here.js";
import {redraw} from "./redraw.js";
import {apply, begin, world} from "./world.js";

let source;

/** Hear all that has happened, and what happens from now on. */
export async function listen() {
  await begin();
  source = new EventSource("/sandbox/events");
  source.onmessage = (message) => {
    act(apply(JSON.parse(message.data)));
    redraw();
  };
  source.onopen = () => tell(true);
  source.onerror = () => tell(false);
  source.addEventListener("ready", () => {
    world.isReady = true;
    redraw();
  });
  source.addEventListener("reset", async (message) => {
    source.close();
    if (JSON.parse(message.data).type === "reset") forget(); // otherwise only too much was missed
    await listen();
    redraw();
  });
}

function act(wanted) {
  if (wanted?.moved) move(...wanted.moved);
  if (wanted?.toast) toast(wanted.toast);
  if (wanted?.wait) setTimeout(redraw, wanted.wait + 100);
}

function tell(isLive) {
  document.body.dataset.live = String(isLive);
  $("messages").ariaBusy = String(!isLive);
  redraw();
}
