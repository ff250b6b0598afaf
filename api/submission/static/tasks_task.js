// The page of a production task: submits it, follows the submission to its end, operates on it.

import { LivePage } from "./follow.js";
import { CHANGED, isOfTasks, OPERATION, TASK_TYPES } from "./tasks_events.js";
import { mayWrite, post } from "./tasks_write.js";
import { waited } from "./words.js";

const OPEN = new Set(["waiting", "running", "unknown", "unrecorded"]);
const KEPT = ["reason", "increase", "adopt", "resolve-reason"]; // what was typed
const task = JSON.parse(document.getElementById("task").textContent);
const part = () => document.getElementById("live");
const byId = (id) => document.getElementById(id);

let ahead = 0; // of the server's clock before ours
let isAsking = false; // between the press and the answer to it

// ------------------------------------------------------------------ following

const page = new LivePage({
  parts: ["live"],
  types: TASK_TYPES,
  concerns: (type, payload) => {
    if (type === "flow_run_state") return isOfTasks(payload, task.name);
    return payload.task_name === task.name || (type === CHANGED && payload.task_name === null);
  },
  isOpen: () => OPEN.has(part().dataset.phase) || part().dataset.operations !== "0",
  hear: tell,
  renew: show,
  waits: true,
});

/** Show the server's newer form, and what the user was about to do. */
function show(fresh) {
  const said = ["refused", "operate-refused", "resolve-refused"].map((id) => [id, byId(id)?.textContent ?? ""]);
  const typed = KEPT.map((id) => [id, byId(id)?.value]);
  page.replace(fresh);
  for (const [id, text] of said) complain(id, text);
  for (const [id, value] of typed) if (value && byId(id)) byId(id).value = value;
  setUp();
}

function tell(type, payload) {
  const key = payload.jedi_task_id;
  if (type === "prodtask_submitted") say(`Submitted as jediTaskID ${key}`);
  else if (type === "prodtask_submit_failed") say(`The submission failed: ${payload.reason}`);
  else if (type === "prodtask_submit_unrecorded") say(`PanDA has the task as ${key}, unrecorded; do not submit it again`);
  else if (type === "prodtask_submit_unknown") say(`Not known yet: ${payload.reason}`);
  else if (type === "prodtask_submit_resolved") say(`Resolved by ${payload.resolved_by}: ${payload.outcome}`);
  else if (type === OPERATION) say(`${payload.operation.replaceAll("_", " ")}: ${payload.summary ?? payload.error}`);
}

// ------------------------------------------------------------------ showing

function setUp() {
  ahead = Date.parse(part().dataset.now) - Date.now();
  tick();
}

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
  const write = () => post(task.api + path, body);
  await ask(button, "refused", write, () => isSubmission && byId("standing").focus());
}

async function operate(button) {
  const body = { reason: byId("reason").value.trim() };
  if (button.id === "op-raise") body.increase = Number(byId("increase").value);
  const write = () => post(`${task.api}${button.dataset.operate}/`, body);
  await ask(button, "operate-refused", write, () => (byId("reason").value = ""));
}

async function resolve(button) {
  const body = { reason: byId("resolve-reason").value.trim() };
  if (button.dataset.resolve === "adopt") body.adopt = Number(byId("adopt").value);
  else body.failed = true;
  await ask(button, "resolve-refused", () => post(`${task.api}resolve/`, body), () => (byId("resolve-reason").value = ""));
}

/** Ask for something, and show what comes of it; `accepted` is called when it was. */
async function ask(button, complaints, write, accepted) {
  complain(complaints, "");
  if (isAsking || !(await mayWrite(task.caller))) return;
  isAsking = true;
  setBusy(button, true);
  const answer = await write();
  setBusy(button, false);
  if (answer.isGood) accepted();
  else complain(complaints, answer.reason);
  isAsking = false;
  await page.noteAsked();
  if (document.activeElement === document.body) byId(button.id)?.focus();
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

setUp();
