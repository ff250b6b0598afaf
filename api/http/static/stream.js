// What a page listens to over the browser's one stream, and whether that is still there.

import { openLine } from "./stream_line.js";

const { stream, beat, standing } = document.body.dataset;
const absolute = (path) => new URL(path, location.href).href;
const SILENCE = 35000; // whoever serves asks every 10 s how the ops side stands, and says so

const wanted = new Map(); // by key: what was posted for it, and who hears
let heardAt = Date.now();
let post = openLine(hear, tellAgain);

function hear(message) {
  heardAt = Date.now();
  const found = wanted.get(message.key);
  if (!found) return; // another tab's
  if (message.id !== undefined) found.message.after = message.id;
  found.hear(message);
}

function tellAgain() {
  for (const { message } of wanted.values()) post(message);
}

function listen(message, hear) {
  const key = String(Math.random());
  wanted.set(key, { message: { ...message, key }, hear });
  post(wanted.get(key).message);
  return key;
}

/** Follow the events of some types after one; gives a function that has a refused stream tried again. */
export function join({ types, after }, hear) {
  const address = absolute(stream);
  listen({ kind: "join", address, beat: Number(beat), types, after }, hear);
  return () => post({ kind: "again", address });
}

/** Hear every 10 s how the ops side stands. */
export function watch(hear) {
  listen({ kind: "watch", address: absolute(standing) }, hear);
}

addEventListener("pagehide", () => {
  for (const key of wanted.keys()) post({ kind: "leave", key });
});
addEventListener("pageshow", (event) => event.persisted && tellAgain());

// The worker may have been ended, and the tab that served put to sleep.
setInterval(() => {
  if (document.hidden || Date.now() - heardAt < SILENCE) return;
  for (const { hear } of wanted.values()) hear({ kind: "state", state: "connecting", since: heardAt });
  heardAt = Date.now();
  if (globalThis.SharedWorker) post = openLine(hear, tellAgain); // a new one, where the old has ended
  tellAgain();
}, 5000);
