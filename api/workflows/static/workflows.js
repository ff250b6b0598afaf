// The list of executions: live, and the form that starts one.

import "./ages.js";
import { LivePage } from "./follow.js";
import { mayWrite, post } from "./tasks_write.js";
import { complain, listenForStops } from "./workflow_stop.js";

const ACTIONS = new Set(["run_workflow", "stop_workflow"]);
const page = JSON.parse(document.getElementById("page").textContent);
const byId = (id) => document.getElementById(id);
const form = byId("start");

const list = new LivePage({
  parts: ["list"],
  types: page.types,
  concerns: (type, { action }) => type !== "flow_run_state" || ACTIONS.has(action),
  isOpen: () => byId("list").dataset.open !== "0",
  renew: (fresh) => {
    const complaint = byId("stop-refused").textContent;
    list.replace(fresh);
    complain(complaint);
  },
  waits: true,
});

listenForStops(page, () => list.noteAsked());

// ------------------------------------------------------------------ starting

let isAsking = false; // between the press and the answer to it

async function start() {
  if (isAsking || !(await mayWrite(page.caller))) return;
  isAsking = true;
  byId("start-button").disabled = true;
  tell({});
  const answer = await post(page.run, asked());
  byId("start-button").disabled = false;
  isAsking = false;
  if (answer.isGood) accept(answer.body);
  else tell(answer.status === 400 && !answer.body?.detail ? answer.body : {}, answer);
  await list.noteAsked();
}

/** What was entered; what was left out is the configuration's. */
function asked() {
  const body = {};
  for (const field of form.elements) {
    if (!field.name) continue;
    if (field.type === "checkbox") body[field.name] = field.checked;
    else if (field.name === "overrides") body.overrides = overrides(field.value);
    // What is no number goes as it is: the server says what is wrong with it.
    else if (field.type === "number" && (field.value || field.validity.badInput)) body[field.name] = field.value ? Number(field.value) : "not a number";
    else if (field.type !== "number") body[field.name] = field.value.trim();
  }
  return body;
}

/** Lines `section.key = value` as the action takes them; values are numbers or truths where they read so. */
function overrides(text) {
  const lines = text.split("\n").map((line) => line.trim()).filter(Boolean);
  return lines.map((line) => {
    const [name, ...rest] = line.split("=");
    const [section, ...key] = name.trim().split(".");
    return { section, key: key.join("."), value: valueOf(rest.join("=").trim()), source: "page" };
  });
}

function valueOf(text) {
  if (text === "true" || text === "false") return text === "true";
  return text !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}

/** Say what is wrong, each at its field; what is of no field, above the button. */
function tell(fields, answer) {
  const others = [];
  const texts = new Map();
  for (const [name, said] of Object.entries(fields)) {
    const field = name.split(".")[0];
    const text = [said].flat().join(" ");
    if (form.querySelector(`[data-problem="${field}"]`)) texts.set(field, [...(texts.get(field) ?? []), text]);
    else others.push(text);
  }
  for (const place of form.querySelectorAll("[data-problem]")) show(place, texts.get(place.dataset.problem)?.join(" ") ?? "");
  if (answer && !texts.size && !others.length) others.push(answer.reason);
  byId("refused").textContent = others.join(" ");
  byId("refused").hidden = !others.length;
  if (!byId("problem-overrides").hidden) byId("overrides-fold").open = true;
  form.querySelector("[aria-invalid=true]")?.focus();
}

function show(place, text) {
  place.textContent = text;
  place.hidden = !text;
  const field = form.elements[place.dataset.problem];
  field.ariaInvalid = text ? "true" : null;
  if (text) field.setAttribute("aria-describedby", place.id);
  else field.removeAttribute("aria-describedby");
}

function accept({ request_id: id, is_new: isNew }) {
  const link = Object.assign(document.createElement("a"), { href: `${page.requests}${id}/`, textContent: `Request ${id}` });
  byId("accepted").replaceChildren(link, isNew ? " is accepted." : " asks for the same and is open already.");
  byId("accepted").hidden = false;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  start();
});
