/** What the page asks of the server, and how it says that something went wrong. */

import {$} from "./dom.js";
import {say} from "./words.js";

const TOAST_MS = 5000;
let toastTimer;

export function toast(text) {
  $("toast").textContent = text;
  $("toast").hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => {
    $("toast").hidden = true;
  }, TOAST_MS);
}

/** Send a request; gives null when it was done, else why it was not. */
async function attempt(method, path, body, type) {
  try {
    const response = await fetch(`/sandbox/${path}`, {method, headers: {"content-type": type}, body});
    const answer = response.status === 204 ? null : await response.json();
    return response.ok ? {answer} : {error: answer.detail ?? response.statusText};
  } catch {
    return {error: say("offline")};
  }
}

/** Ask for something; a refusal is shown. Gives whether it was done. */
export async function ask(method, path, body = {}) {
  const {error} = await attempt(method, path, JSON.stringify(body), "application/json");
  if (error) toast(error);
  return !error;
}

/** Send what somebody says; gives why it failed, or undefined. */
export async function post(speech) {
  const {error} = await attempt("POST", "messages", JSON.stringify(speech), "application/json");
  return error;
}

/** Keep a file; gives its id, or undefined when it was refused. */
export async function upload(kind, name, blob) {
  const query = new URLSearchParams({kind, name});
  const {answer, error} = await attempt("POST", `files?${query}`, blob, blob.type || "application/octet-stream");
  if (error) toast(error);
  return answer?.file_id;
}
