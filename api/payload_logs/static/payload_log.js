// The page of a payload log: waits for it, shows it when it comes, has it fetched again.

import { Follower } from "./follow.js";
import { Once, replacePart, SignedOut } from "./live.js";
import { Viewer } from "./payload_log_viewer.js";

const TYPES = ["payload_log_progress", "payload_log_ready", "payload_log_failed"];
const part = () => document.getElementById("live");
const byId = (id) => document.getElementById(id);

let viewer = null;
let asked = 0; // how many times, to tell an answer from before

// ------------------------------------------------------------------ showing

/** The page as the server has it; 404 is a page too: there is no such job, or no log of it. */
async function fetchPage(search) {
  const address = new URL(location.href);
  address.search = search;
  const answer = await fetch(address, { cache: "no-store" });
  if (answer.status === 401) throw new SignedOut();
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
const looking = new Once(async () => {
  const before = asked;
  const fresh = await fetchPage(location.search);
  if (before !== asked) throw new Error("this was before what was asked for");
  take(fresh);
}, { delay: 300, rest: 500 });
const news = () => looking.ask(0);

function setUp() {
  const { request, phase } = part().dataset;
  // The address says what is waited for, so that a reload asks for nothing.
  const search = request ? `?request=${request}` : phase === "ready" ? "" : location.search.replace(/\bforce=[^&]*&?/, "");
  history.replaceState(null, "", `${location.pathname}${search.length > 1 ? search : ""}${location.hash}`);
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

const follower = new Follower({
  types: TYPES,
  lastId: () => Number(part().dataset.eventId),
  onEvent: heard,
  refresh: news,
  isOpen: () => Boolean(part().dataset.request),
});

function heard(type, payload) {
  if (payload.pandaid !== part().dataset.pandaid) return;
  follower.touch();
  if (type === "payload_log_progress") return showProgress(payload);
  byId("said").textContent = type === "payload_log_ready" ? "The log is here" : `The fetch failed: ${payload.reason}`;
  news();
}

/** Have it fetched anew, once, and wait for that request. */
async function fetchAgain(link) {
  link.ariaBusy = "true";
  try {
    const fresh = await fetchPage("?force=1");
    asked += 1;
    take(fresh);
    byId("said").textContent = "The log is being fetched";
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
