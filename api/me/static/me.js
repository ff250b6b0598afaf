// The page of one's own: live, and one's tokens, which are made and revoked here.

import "./ages.js";
import { FormProblems } from "./form_problems.js";
import { LivePage } from "./follow.js";
import { fetchPage, replacePart } from "./live.js";
import { TASK_TYPES } from "./tasks_events.js";
import { mayWrite, post, write } from "./tasks_write.js";

const page = JSON.parse(document.getElementById("page").textContent);
const byId = (id) => document.getElementById(id);

const live = new LivePage({ parts: ["live"], types: TASK_TYPES, waits: true });

/** Show the tokens as they are now; the form and a new key stay. */
async function renewTokens() {
  replacePart("tokens-list", await fetchPage(live.lastId, "tokens-list"));
}

// ------------------------------------------------------------------ making

const form = byId("create");
const problems = form && new FormProblems(form, byId("create-refused"));

async function create() {
  if (byId("create-button").disabled || !(await mayWrite(page.caller))) return;
  byId("create-button").disabled = true;
  const { note, days } = form.elements;
  const scopes = [...form.querySelectorAll("[name=scopes]:checked")].map((each) => each.value);
  const answer = await post(page.tokens, { note: note.value, days: Number(days.value), scopes });
  byId("create-button").disabled = false;
  problems.show(answer);
  if (!answer.isGood) return;
  show(answer.body);
  form.reset();
  await renewTokens();
}

function show({ id, key }) {
  byId("key").textContent = key;
  byId("copy").textContent = "Copy";
  byId("made").hidden = false;
  byId("made").focus();
  byId("said").textContent = `Token ${id} is made`;
}

function forget() {
  byId("key").textContent = "";
  byId("made").hidden = true;
  byId("create-fold").querySelector("summary").focus();
}

async function copy() {
  try {
    await navigator.clipboard.writeText(byId("key").textContent);
    byId("copy").textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(byId("key")); // not over plain http
    byId("copy").textContent = document.execCommand("copy") ? "Copied" : "Selected";
  }
  byId("said").textContent = `The token is ${byId("copy").textContent.toLowerCase()}`;
}

form?.addEventListener("submit", (event) => {
  event.preventDefault();
  create();
});
byId("copy")?.addEventListener("click", copy);
byId("made-close")?.addEventListener("click", forget);
// A page that is gone back to must not show the key again.
addEventListener("pagehide", () => form && (byId("key").textContent = "", byId("made").hidden = true));

// ------------------------------------------------------------------ revoking

async function revoke(button) {
  const { revoke: id, current, hasMade } = button.dataset;
  const isCurrent = current !== undefined;
  const warning = isCurrent ? "You are signed in with this token: you will be signed out. " : "";
  if (!confirm(`${warning}Revoke token ${id}? Whatever uses it stops working.`)) return;
  const withMade = hasMade !== undefined && confirm(`Also revoke the tokens that were made with token ${id}?`);
  if (!(await mayWrite(page.caller))) return;
  const answer = await write("DELETE", `${page.tokens}${id}/?with_made=${withMade}`);
  byId("revoke-refused").textContent = answer.isGood ? "" : answer.reason;
  byId("revoke-refused").hidden = answer.isGood;
  if (answer.body?.is_signed_out) location.reload();
  else if (answer.isGood) {
    byId("said").textContent = `Token ${id} is revoked`;
    await renewTokens();
    byId("tokens-title").scrollIntoView({ block: "nearest" });
  }
}

// ------------------------------------------------------------------ watches and the address

async function unwatch(button) {
  const answer = await write("DELETE", `${page.watches}${button.dataset.unwatch}/`);
  const isGone = answer.isGood || answer.status === 404;
  if (isGone) byId("said").textContent = "You are not told of it any more";
  await live.noteAsked();
  byId("watch-refused").textContent = isGone ? "" : answer.reason;
  byId("watch-refused").hidden = isGone;
}

const addressForm = byId("address");
const addressProblems = new FormProblems(addressForm, byId("address-refused"));

async function register(method, body) {
  if (!(await mayWrite(page.caller))) return;
  const answer = await write(method, page.address, body);
  addressProblems.show(answer);
  if (!answer.isGood) return;
  addressForm.elements.email.value = answer.body.email ?? "";
  byId("address-forget").hidden = !answer.body.email;
  byId("said").textContent = answer.body.email ? "Your address is registered" : "Your address is forgotten";
  await live.noteAsked();
}

addressForm.addEventListener("submit", (event) => {
  event.preventDefault();
  register("PUT", { email: addressForm.elements.email.value });
});
byId("address-forget").addEventListener("click", () => register("DELETE"));

document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-revoke], [data-unwatch]");
  if (button?.dataset.revoke) revoke(button);
  else if (button) unwatch(button);
});
