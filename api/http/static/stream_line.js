// A page's line to the one stream of its browser: a SharedWorker's, else that of the tab which holds
// a lock, else its own. What is posted is for `Exchange`; its answers are given to `hear`.

import { Exchange } from "./stream_hub.js";

const WORKER = new URL("./stream_worker.js", import.meta.url);

/** Gives the function that posts; `isNew` is called where another serves, who knows nothing yet. */
export function openLine(hear, isNew) {
  if (globalThis.SharedWorker) return workerLine(hear, isNew);
  if (navigator.locks && globalThis.BroadcastChannel) return tabLine(hear, isNew);
  return ownLine(hear);
}

function workerLine(hear, isNew) {
  const worker = new SharedWorker(WORKER, { type: "module", name: "prodops stream" });
  let post = (message) => worker.port.postMessage(message);
  // A browser that knows no modules in a SharedWorker says so only here.
  worker.addEventListener("error", () => {
    post = ownLine(hear);
    isNew();
  }, { once: true });
  worker.port.addEventListener("message", ({ data }) => hear(data));
  worker.port.start();
  return (message) => post(message);
}

/** One tab serves all: the one that has the lock, which is released when the tab is closed. */
function tabLine(hear, isNew) {
  const channel = new BroadcastChannel(WORKER.pathname);
  let exchange = null;
  channel.addEventListener("message", ({ data: { message, answer } }) => {
    if (answer) hear(answer);
    else if (!message) isNew();
    else exchange?.take(message, (each) => channel.postMessage({ answer: each }));
  });
  navigator.locks.request(WORKER.pathname, () => {
    exchange = new Exchange();
    channel.postMessage({});
    isNew();
    return new Promise(() => {});
  });
  return (message) => (exchange ? exchange.take(message, hear) : channel.postMessage({ message }));
}

function ownLine(hear) {
  const exchange = new Exchange();
  return (message) => exchange.take(message, hear);
}
