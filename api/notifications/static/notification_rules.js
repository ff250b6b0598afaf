// The rules: made, changed, switched and removed.

import { FormProblems } from "./form_problems.js";
import { fetchPage, replacePart } from "./live.js";
import { mayWrite, read, write } from "./tasks_write.js";

const page = JSON.parse(document.getElementById("page").textContent);
const byId = (id) => document.getElementById(id);
const form = byId("rule");
const problems = new FormProblems(form, byId("refused"));
const TEXTS = ["what", "name", "subject", "owner", "requester", "campaign"];

let edited = null; // the number of the rule in the form; null: a new one

async function renew() {
  replacePart("list", await fetchPage(0, "list"));
}

/** Ask for something; gives the answer, or nothing where nobody is known who asks. */
async function ask(method, path, body) {
  if (!(await mayWrite(page.caller))) return null;
  return write(method, page.api + path, body);
}

// ------------------------------------------------------------------ the form

async function save() {
  if (byId("save").disabled) return;
  byId("save").disabled = true;
  const answer = await ask(edited ? "PUT" : "POST", edited ? `${edited}/` : "", entered());
  byId("save").disabled = false;
  if (!answer) return;
  problems.show(answer);
  if (!answer.isGood) return;
  byId("said").textContent = `Rule ${answer.body.id} is ${edited ? "changed" : "made"}`;
  clear();
  await renew();
  byId(`edit-${answer.body.id}`)?.focus();
}

function entered() {
  const { elements } = form;
  const body = Object.fromEntries(TEXTS.map((name) => [name, elements[name].value.trim()]));
  const isAlarm = body.what === "alarm";
  return {
    ...body,
    outcome: elements.outcome.value || null,
    channel: elements.channel.value || null,
    options: isAlarm ? options() : {},
    is_enabled: elements.is_enabled.checked,
  };
}

/** The limits of an alarm that are not the usual ones. */
function options() {
  const given = limits().map((input) => [input.dataset.option, input.type === "checkbox" ? input.checked : input.value]);
  return Object.fromEntries(given.filter(([, value]) => value !== "" && value !== false)
    .map(([name, value]) => [name, value === true ? value : Number(value)]));
}

function limits() {
  return [...form.querySelectorAll("[data-option]")];
}

function showLimits(values) {
  for (const input of limits()) {
    const value = values[input.dataset.option];
    if (input.type === "checkbox") input.checked = value === true;
    else input.value = value ?? "";
  }
}

async function edit(id) {
  const rule = await read(`${page.api}${id}/`);
  clear();
  edited = id;
  for (const name of TEXTS) form.elements[name].value = rule[name];
  for (const name of ["outcome", "channel"]) choose(form.elements[name], rule[name] ?? "");
  form.elements.is_enabled.checked = rule.is_enabled;
  showLimits(rule.options);
  showKind();
  byId("form-title").textContent = `Change rule ${id}`;
  byId("save").textContent = "Change the rule";
  byId("cancel").hidden = false;
  byId("form-fold").open = true;
  form.elements.name.focus();
}

/** Choose a value, also one that is offered no more. */
function choose(select, value) {
  if (![...select.options].some((each) => each.value === value)) select.add(new Option(value, value));
  select.value = value;
}

function clear() {
  edited = null;
  form.reset();
  problems.show({ isGood: true });
  showKind();
  byId("form-title").textContent = "Make a rule";
  byId("save").textContent = "Make the rule";
  byId("cancel").hidden = true;
}

/** Offer the names of the kind that is chosen. */
function showKind() {
  const what = form.elements.what.value;
  form.elements.name.setAttribute("list", `names-${what}`);
  form.querySelector(".options").hidden = what !== "alarm";
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  save();
});
form.elements.what.addEventListener("change", showKind);
byId("mine").addEventListener("click", () => (form.elements.owner.value = page.caller.name));
byId("cancel").addEventListener("click", clear);

// ------------------------------------------------------------------ the list

async function change(method, id, body, words) {
  const answer = await ask(method, `${id}/`, body);
  if (!answer) return;
  if (answer.isGood) {
    byId("said").textContent = `Rule ${id} is ${words}`;
    await renew();
  }
  byId("list-refused").textContent = answer.isGood ? "" : answer.reason;
  byId("list-refused").hidden = answer.isGood;
}

document.addEventListener("click", ({ target }) => {
  const { edit: toEdit, turn, to, remove } = target.closest("button")?.dataset ?? {};
  if (toEdit) edit(toEdit);
  else if (turn) change("PATCH", turn, { is_enabled: to === "on" }, `switched ${to}`);
  else if (remove && confirm(`Remove rule ${remove}?`)) change("DELETE", remove, {}, "removed");
});
