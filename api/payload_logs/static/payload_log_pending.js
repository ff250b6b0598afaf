// The page that waits for one request: asks for its outcome, and for nothing else.

import { Follower } from "./follow.js";
import { Once } from "./live.js";

const { eventId, pandaid, request, steps } = document.getElementById("pending").dataset;
const stepText = document.getElementById("step-text");
const address = new URL(location.href);
address.search = `?request=${request}`;
history.replaceState(null, "", address); // a reload must not ask for another fetch

/** Whether there is something else to show than this page. */
async function isOver() {
  const waiting = new AbortController();
  try {
    const answer = await fetch(address, { cache: "no-store", signal: waiting.signal });
    if (answer.status === 202) return false;
    // A server that is away for a moment is no outcome; a failed fetch says how to go on.
    return answer.status < 500 || (await answer.text()).includes("force=1");
  } catch {
    return false;
  } finally {
    waiting.abort(); // the text itself comes with the next page
  }
}

async function check() {
  if (await isOver()) location.replace(address);
}

const looking = new Once(check, { delay: 0, rest: 1000 });

function say(text) {
  if (stepText.textContent !== text) stepText.textContent = text;
}

new Follower({
  types: ["payload_log_ready", "payload_log_failed", "payload_log_progress"],
  lastId: () => Number(eventId), // what came since the page was made comes first
  onEvent(type, { pandaid: job, step_number: number, text }) {
    if (job !== pandaid) return;
    if (type === "payload_log_progress") say(`It will appear shortly — step ${number} of ${steps}: ${text}`);
    else looking.ask(0);
  },
  refresh: () => looking.ask(0),
  isOpen: () => true,
});
