// The page of a payload log: waits for it, shows it when it comes, has it fetched again.

import { replacePart } from "./live.js";
import { Follower } from "./follow.js";
import { Viewer } from "./payload_log_viewer.js";

const FETCH = {
  types: ["payload_log_progress", "payload_log_ready", "payload_log_failed"],
  seconds: 310,
};
const part = () => document.getElementById("live");
const byId = (id) => document.getElementById(id);

let viewer = null;
let refreshing = null;

// ------------------------------------------------------------------ showing

/** The page as the server has it; 404 is a page too: there is no such job, or no log of it. */
async function fetchPage(search) {
  const address = new URL(location.href);
  address.search = search;
  const answer = await fetch(address, { cache: "no-store" });
  if (!answer.ok && answer.status !== 404) throw new Error(`the server answered ${answer.status}`);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

function take(fresh) {
  if (!fresh.getElementById("live")) throw new Error("this is another page");
  const { version } = fresh.getElementById("viewer").dataset;
  const isNew = version !== byId("viewer").dataset.version;
  replacePart("live", fresh);
  if (isNew) {
    viewer?.close();
    viewer = null;
    replacePart("viewer", fresh);
  }
  setUp();
}

/** Look again at the request that is waited for: this never asks for another. */
function refresh() {
  refreshing ??= (async () => {
    try {
      take(await fetchPage(location.search));
      return true;
    } catch {
      return false; // the next look, or the user, tries again
    } finally {
      refreshing = null;
    }
  })();
  return refreshing;
}

/** What the stream said is in the page only after a look that began later. */
async function news() {
  await refreshing;
  for (let wait = 500; !(await refresh()); wait = Math.min(2 * wait, 8000)) {
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

function setUp() {
  const { request, phase } = part().dataset;
  // The address says what is waited for, so that a reload asks for nothing.
  const search = request ? `?request=${request}` : phase === "ready" ? "" : location.search.replace(/\bforce=[^&]*&?/, "");
  history.replaceState(null, "", `${location.pathname}${search.length > 1 ? search : ""}${location.hash}`);
  if (!request) follower.close();
  if (!viewer && document.querySelector("[role=tab]")) viewer = new Viewer({ onOutdated: news });
}

function showProgress({ step, text }) {
  const steps = [...document.querySelectorAll("#steps li")];
  const current = steps.findIndex((each) => each.dataset.step === step);
  if (current < 0) return;
  steps.forEach((each, index) => {
    each.dataset.stands = index === current ? "now" : index > current ? "later" : "done";
    if (index === current) each.setAttribute("aria-current", "step");
    else each.removeAttribute("aria-current");
  });
  byId("step-text").textContent = text;
  const badge = document.querySelector("h1 .state");
  badge.dataset.state = "running";
  badge.lastChild.textContent = "running";
}

// ------------------------------------------------------------------ following

const follower = new Follower({ ...FETCH, onEvent: heard, check: refresh, resume: follow });

function heard(type, payload) {
  if (payload.pandaid !== part().dataset.pandaid) return;
  if (type === "payload_log_progress") {
    follower.touch();
    return showProgress(payload);
  }
  byId("said").textContent = type === "payload_log_ready" ? "The log is here" : `The fetch failed: ${payload.reason}`;
  news();
}

async function follow() {
  await follower.open(part().dataset.eventId);
  if (part().dataset.request) follower.begin();
  else follower.close();
}

/** Have it fetched anew, once, and wait for that request. */
async function fetchAgain(link) {
  link.ariaBusy = "true";
  try {
    take(await fetchPage("?force=1"));
    byId("said").textContent = "The log is being fetched";
    if (part().dataset.request) await follow();
  } catch {
    link.ariaBusy = "false";
    byId("said").textContent = "The server does not answer; try again.";
  }
}

document.addEventListener("click", (event) => {
  if (event.target.id !== "fetch" || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  if (event.target.ariaBusy !== "true") fetchAgain(event.target);
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || !viewer) return;
  if (event.target.closest("input, textarea, select")) return;
  event.preventDefault();
  byId("find").focus();
  byId("find").select();
});
addEventListener("pagehide", () => viewer?.close());
addEventListener("pageshow", (event) => event.persisted && location.reload());

setUp();
if (part().dataset.request) follow();
