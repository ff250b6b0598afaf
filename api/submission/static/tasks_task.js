// The page of a production task: submits it, follows the submission to its end, operates on it.

import { fetchPage, Once, replacePart } from "./live.js";
import { Follower } from "./follow.js";
import { OPERATION, SUBMISSION } from "./tasks_events.js";
import { mayWrite, post } from "./tasks_write.js";
import { waited } from "./words.js";

const OPEN = new Set(["waiting", "running", "unknown", "unrecorded"]);
const task = JSON.parse(document.getElementById("task").textContent);
const part = () => document.getElementById("live");
const byId = (id) => document.getElementById(id);

let ahead = 0; // of the server's clock before ours
let newest = 0; // id of the last step that was heard of
let refreshing = null;
let isAsking = false; // between opening the stream and the answer to what is asked for
let asked = 0; // how many times, to tell an answer from before

// ------------------------------------------------------------------ showing

/** Bring the page up to date from the server, one question at a time: nothing else changes it. */
function refresh() {
  refreshing ??= (async () => {
    try {
      const said = ["refused", "operate-refused", "resolve-refused"].map((id) => [id, byId(id)?.textContent ?? ""]);
      const given = ["reason", "increase", "adopt", "resolve-reason"].map((id) => [id, byId(id)?.value]);
      const before = asked;
      replacePart("live", await fetchPage(part().dataset.eventId));
      for (const [id, text] of said) complain(id, text);
      for (const [id, value] of given) if (value && byId(id)) byId(id).value = value;
      setUp();
      if (before === asked) settle(); // an answer from before does not know what was asked for
      return true;
    } catch {
      return false; // the next look, or the user, tries again
    } finally {
      refreshing = null;
    }
  })();
  return refreshing;
}

function setUp() {
  ahead = Date.parse(part().dataset.now) - Date.now();
  if (newest > Number(part().dataset.eventId)) setTimeout(() => soon.ask()); // this answer is older
  tick();
}

/** Follow what the page shows as open, and nothing else. */
function settle() {
  if (isAsking) return;
  const isOperated = part().dataset.operations !== "0";
  for (const [follower, isWanted] of [[submission, isOpen()], [operation, isOperated]]) {
    if (!isWanted) follower.close();
    else if (!follower.isOpen && !follower.isOver) follower.resume();
  }
}

const soon = new Once(refresh, { delay: 500, rest: 1000 });
const isOpen = () => OPEN.has(part().dataset.phase);

function tick() {
  const now = Date.now() + ahead;
  for (const each of document.querySelectorAll("[data-since]")) {
    write(each, waited((now - Date.parse(each.dataset.since)) / 1000));
  }
  for (const each of document.querySelectorAll("[data-until]")) {
    write(each, waited((Date.parse(each.dataset.until) - now) / 1000));
  }
}

function say(text) {
  write(byId("said"), text);
}

function complain(id, text) {
  const place = byId(id);
  if (!place) return;
  write(place, text);
  place.hidden = !text;
}

function write(place, text) {
  if (place && place.textContent !== text) place.textContent = text;
}

// ------------------------------------------------------------------ following

const submission = new Follower({ ...SUBMISSION, onEvent: heard, check: refresh, resume: follow });
const operation = new Follower({ ...OPERATION, onEvent: operated, check: refresh, resume: followOperation });

function heard(type, payload, id) {
  if (payload.task_name !== task.name) return;
  if (type === "prodtask_submit_progress") {
    newest = id;
    soon.ask(part().dataset.phase === "running" ? undefined : 0);
    return;
  }
  const key = payload.jedi_task_id;
  if (type === "prodtask_submitted") say(`Submitted as jediTaskID ${key}`);
  else if (type === "prodtask_submit_failed") say(`The submission failed: ${payload.reason}`);
  else if (type === "prodtask_submit_unrecorded") say(`PanDA has the task as ${key}, unrecorded; do not submit it again`);
  else if (type === "prodtask_submit_resolved") say(`Resolved by ${payload.resolved_by}: ${payload.outcome}`);
  else say(`Not known yet: ${payload.reason}`);
  news();
}

/** Refresh once more where an answer is on its way: it may be older than the news. */
async function news() {
  await refreshing;
  for (let wait = 500; !(await refresh()); wait = Math.min(2 * wait, 8000)) {
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

async function follow() {
  await submission.open(part().dataset.eventId);
  submission.begin();
}

function operated(_type, payload) {
  if (payload.task_name !== task.name) return;
  say(`${payload.operation.replaceAll("_", " ")}: ${payload.summary ?? payload.error}`);
  news();
}

async function followOperation() {
  await operation.open(part().dataset.eventId);
  operation.begin();
}

// ------------------------------------------------------------------ doing

const DO = {
  submit: { path: "submit/", isSubmission: true },
  rerun: { path: "rerun-entire-task/", isSubmission: true },
  lock: { path: "lock/" },
  draft: { path: "set-status/", body: { status: "draft" } },
};

async function act(button) {
  const { path, body, isSubmission } = DO[button.dataset.do];
  if (button.dataset.confirm && !confirm(button.dataset.confirm)) return;
  // The stream is open before the request exists: no outcome is too fast to be heard.
  await ask(button, "refused", isSubmission ? submission : null, () => post(task.api + path, body));
}

async function operate(button) {
  const body = { reason: byId("reason").value.trim() };
  if (button.id === "op-raise") body.increase = Number(byId("increase").value);
  const isGood = await ask(button, "operate-refused", operation, () => post(`${task.api}${button.dataset.operate}/`, body));
  if (isGood) byId("reason").value = "";
}

async function resolve(button) {
  const body = { reason: byId("resolve-reason").value.trim() };
  if (button.dataset.resolve === "adopt") body.adopt = Number(byId("adopt").value);
  else body.failed = true;
  const isGood = await ask(button, "resolve-refused", submission, () => post(`${task.api}resolve/`, body));
  if (isGood && byId("resolve-reason")) byId("resolve-reason").value = "";
}

/** Ask for something, and follow what comes of it; gives whether it was accepted. */
async function ask(button, complaints, follower, write) {
  complain(complaints, "");
  if (isAsking || !(await mayWrite(task.caller))) return false;
  isAsking = true;
  setBusy(button, true);
  await follower?.open();
  const answer = await write();
  asked += 1;
  setBusy(button, false);
  if (answer.isGood) {
    follower?.begin();
    if (follower === submission) byId("standing").focus();
  } else {
    follower?.close();
    complain(complaints, answer.reason);
  }
  isAsking = false;
  await news();
  if (document.activeElement === document.body) byId(button.id)?.focus();
  return answer.isGood;
}

function setBusy(button, isBusy) {
  button.disabled = isBusy;
  button.ariaBusy = isBusy;
}

async function copy(button) {
  const text = byId(button.dataset.copies).textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(byId(button.dataset.copies)); // not over plain http
    button.textContent = document.execCommand("copy") ? "Copied" : "Selected";
  }
  say(`The command is ${button.textContent.toLowerCase()}`);
}

document.addEventListener("click", ({ target }) => {
  if (target.dataset?.do) act(target);
  else if (target.dataset?.operate) operate(target);
  else if (target.dataset?.resolve) resolve(target);
  else if (target.dataset?.copies) copy(target);
});
document.addEventListener("submit", (event) => ["operate", "resolve"].includes(event.target.id) && event.preventDefault());
setInterval(tick, 1000);
addEventListener("pageshow", (event) => event.persisted && refresh());

setUp();
settle();
