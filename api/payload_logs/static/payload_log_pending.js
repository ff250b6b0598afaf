// The page that waits for one request: asks for its outcome, and for nothing else.

const POLL = 10000;
const MOST_POLLS = 31;
const STEPS = 6;

const { request, stream } = document.getElementById("pending").dataset;
const told = document.getElementById("told");
const address = new URL(location.href);
address.search = `?request=${request}`;
history.replaceState(null, "", address); // a reload must not ask for another fetch

let source = null;
let polls = 0;

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
  if (!(await isOver())) return;
  clearInterval(timer);
  source.close();
  location.replace(address);
}

function say(text) {
  if (told.textContent !== text) told.textContent = text;
}

source = new EventSource(stream);
source.addEventListener("connected", check);
source.addEventListener("payload_log_ready", check);
source.addEventListener("payload_log_failed", check);
source.addEventListener("payload_log_progress", ({ data }) => {
  const { step_number: number, text } = JSON.parse(data);
  say(`It will appear shortly — step ${number} of ${STEPS}: ${text}`);
});

const timer = setInterval(() => {
  polls += 1;
  if (polls < MOST_POLLS) return check();
  clearInterval(timer);
  source.close();
  say("It has not come yet, and is not waited for any more: reload this page to look again.");
}, POLL);

addEventListener("pagehide", () => source.close());
check();
