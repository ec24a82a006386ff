/** What is seen is drawn anew at most once a frame, however much has happened. */

import {world} from "./world.js";

const views = [];
let isDue = false;

export const shows = (draw) => views.push(draw);

export function redraw() {
  if (isDue || !world.chats) return; // nothing is known yet
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    views.forEach((draw) => draw());
  });
}
