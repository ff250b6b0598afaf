// The list of production tasks: many at once, each row's outcome live.

import { LivePage } from "./follow.js";
import "./search.js";
import { Batch } from "./tasks_batch.js";
import { isOfTasks, TASK_TYPES } from "./tasks_events.js";
import { mayWrite, read } from "./tasks_write.js";
import { count } from "./words.js";

const page = JSON.parse(document.getElementById("page").textContent);
const byId = (id) => document.getElementById(id);
const VERBS = { submit: "Submit", lock: "Lock", draft: "Set back to draft" };

const MOST_SHOWN = 8;
const MOST_NAMED = 3;

let isAll = false; // all that match, on every page

// ------------------------------------------------------------------ selecting

const picks = () => [...document.querySelectorAll(".pick")];
const picked = () => picks().filter((each) => each.checked);
const total = () => Number(byId("list").dataset.total);

function showSelection() {
  const [all, chosen] = [picks(), picked()];
  if (chosen.length < all.length) isAll = false;
  const number = isAll ? total() : chosen.length;
  byId("selected").textContent = number ? `${count(number)} selected` : "None selected";
  byId("check-page").checked = all.length > 0 && chosen.length === all.length;
  byId("check-page").indeterminate = chosen.length > 0 && chosen.length < all.length;
  const more = byId("select-all");
  more.hidden = isAll || !chosen.length || chosen.length < all.length || total() <= all.length;
  more.textContent = `Select all ${count(total())} that match`;
  for (const each of all) each.closest("tr").classList.toggle("picked", each.checked);
  for (const button of document.querySelectorAll("[data-operation]")) button.disabled = !number || batch.isBusy;
}

document.addEventListener("change", ({ target }) => {
  if (target.id === "check-page") for (const each of picks()) each.checked = target.checked;
  if (target.id === "check-page" || target.classList.contains("pick")) showSelection();
});

// ------------------------------------------------------------------ asking

async function ask(operation) {
  if (!(await mayWrite(page.caller))) return;
  let plan;
  try {
    plan = await planOf(operation);
  } catch (error) {
    batch.tell("Nothing was done", error.message);
    return;
  }
  if (await agreed(plan)) batch.run(plan);
}

function planOf(operation) {
  const asked = new URLSearchParams(isAll ? page.query : "");
  asked.set("operation", operation);
  if (isAll) asked.set("all", "1");
  else asked.set("ids", picked().map((each) => each.value).join(","));
  return read(`${page.tasks}plan.json?${asked}`);
}

/** Show what will be done and what not, and why; gives whether the user wants it so. */
function agreed({ operation, will, wont }) {
  const dialog = byId("plan");
  const verb = VERBS[operation];
  byId("plan-title").textContent = `${verb} ${tasks(will.length + wont.length)}`;
  byId("plan-will").textContent = will.length
    ? `${tasks(will.length)} will be ${operation === "submit" ? "submitted to PanDA" : operation === "lock" ? "locked" : "set back to draft"}.`
    : "It can be done to none of them.";
  const details = byId("plan-wont");
  details.hidden = !wont.length;
  const reasons = byReason(wont);
  details.open = reasons.length > 0 && reasons.length <= MOST_SHOWN;
  details.querySelector("summary").textContent = `${tasks(wont.length)} will be left out, and why`;
  details.querySelector("ul").replaceChildren(...reasons.map((each) => reasonItem(each, wont.length)));
  byId("plan-go").textContent = `${verb} ${count(will.length)}`;
  byId("plan-go").hidden = !will.length;
  byId("plan-cancel").textContent = will.length ? "Cancel" : "Close";
  dialog.returnValue = "cancel";
  dialog.showModal();
  (will.length ? byId("plan-go") : byId("plan-cancel")).focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "go"), { once: true });
  });
}

const tasks = (number) => (number === 1 ? "1 task" : `${count(number)} tasks`);

/** Each reason with the tasks that it holds back; those that differ in names and numbers only are one. */
function byReason(wont) {
  const groups = new Map();
  for (const { label, reasons } of wont) {
    for (const reason of reasons) {
      const key = reason.replaceAll(label, "…").replaceAll(/\d+/g, "…");
      if (!groups.has(key)) groups.set(key, { key, reason, labels: [] });
      groups.get(key).labels.push(label);
    }
  }
  return [...groups.values()].sort((a, b) => b.labels.length - a.labels.length);
}

function reasonItem({ key, reason, labels }, all) {
  const [item, number, names] = ["li", "b", "span"].map((tag) => document.createElement(tag));
  number.textContent = count(labels.length);
  names.className = "hint block";
  const more = labels.length - MOST_NAMED;
  names.textContent = more <= 0 ? labels.join(", ") : `${labels.slice(0, MOST_NAMED).join(", ")} and ${count(more)} more`;
  names.hidden = more > 0 && labels.length === all;
  item.append(number, ` ${labels.length === 1 ? reason : key}`, names);
  return item;
}

// ------------------------------------------------------------------ doing and following

const batch = new Batch(page, {
  onEnd: () => list.ask(),
  onChange: showSelection,
  onAsked: () => list.follower.touch(),
});

const isAnyOpen = () => document.querySelector("#tasks tr[data-request]:not([data-request=''])") !== null;

const list = new LivePage({
  parts: ["list", "chips"],
  types: TASK_TYPES,
  concerns: (type, payload) => type !== "flow_run_state" || isOfTasks(payload),
  isOpen: () => batch.isBusy || isAnyOpen(),
  poll: () => {
    batch.check();
    list.ask();
  },
  hear: (type, payload) => batch.hear(type, payload),
  renew: (fresh) => {
    const chosen = new Set(picked().map((each) => each.value));
    list.replace(fresh);
    for (const each of picks()) each.checked = isAll || chosen.has(each.value);
    showSelection();
  },
  waits: true,
});

document.addEventListener("click", ({ target }) => {
  if (target.dataset?.operation) ask(target.dataset.operation);
  else if (target.id === "select-all") {
    isAll = true;
    showSelection();
  }
});

showSelection();
