/** How what somebody says gets to the server. */

import {post} from "./api.js";
import {here} from "./here.js";
import {redraw} from "./redraw.js";

/** Say something in the present chat and topic, as the present speaker. */
export function speak(what) {
  const {chat, thread, speaker, reply} = here;
  Object.assign(here, {reply: null, isAtEnd: true});
  redraw();
  return send(chat, {
    text: "",
    chat_id: chat.id,
    user_id: speaker.id,
    thread_id: thread,
    reply_to: reply?.message_id ?? null,
    ...what,
  });
}

/** Send a message; one that is not taken stays in sight. */
export async function send(chat, speech) {
  const error = await post(speech);
  if (error) chat.failed.push({speech, error});
  redraw();
}
