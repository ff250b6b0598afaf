// "Tell me": watches of the things that a page shows, by REST: pressed, one is told once; pressed
// again, not. The buttons may be replaced with the page's parts; what is watched is kept here.

import { mayWrite, post, read, write } from "./tasks_write.js";

const WORDS = {
  submitted: "when it is submitted",
  complete: "when it is complete",
  failed: "when it fails",
  arrived: "when something has arrived",
  ended: "when it has ended, however",
};
const dialog = document.getElementById("tell");
const byId = (id) => document.getElementById(`tell-${id}`);
const { path, known, me, choices } = dialog.dataset;
const CHOICES = JSON.parse(choices);
const OWN = ""; // one's own address, as the choice of where to

let watches = new Map(); // by kind and subject: those in force
let shown = null; // the button whose dialog is open
let isKnown = known === "yes";
let isAsking = false; // between a press and the answer to it

const keyOf = (kind, subject) => JSON.stringify([kind, subject]);
const watchesOf = ({ tell, subject }) => watches.get(keyOf(tell, subject)) ?? [];

// ------------------------------------------------------------------ what is watched

/** Ask what is watched of what the page shows, and where one may be told. */
async function look() {
  const buttons = [...document.querySelectorAll("[data-tell]")];
  const kinds = new Set(buttons.map((each) => each.dataset.tell));
  const asked = new URLSearchParams({ live: "true" });
  if (kinds.size === 1) asked.set("kind", [...kinds][0]);
  if (buttons.length === 1) asked.set("subject", buttons[0].dataset.subject);
  const found = await read(`${path}?${asked}`);
  watches = new Map();
  for (const watch of found.watches) keep(watch);
  mark();
  return found;
}

function keep(watch) {
  const key = keyOf(watch.kind, watch.subject);
  const others = (watches.get(key) ?? []).filter((each) => each.id !== watch.id);
  watches.set(key, [...others, watch]);
}

function drop(watch) {
  const key = keyOf(watch.kind, watch.subject);
  watches.set(key, watches.get(key).filter((each) => each.id !== watch.id));
}

/** Let every button show whether its thing is watched. */
function mark() {
  for (const button of document.querySelectorAll("[data-tell]")) {
    const own = watchesOf(button.dataset);
    const text = own.length ? `Watching: ${own.map((each) => each.watch_for).join(", ")}` : button.dataset.label;
    const label = button.querySelector(".tell-label");
    if (label.textContent !== text) label.textContent = text;
    button.classList.toggle("watching", own.length > 0);
  }
}

// ------------------------------------------------------------------ the dialog

async function open(button) {
  if (!(isKnown ||= await mayWrite({ is_known: false })) && document.getElementById("sign-in")) return;
  shown = button.dataset;
  complain("");
  byId("about").textContent = shown.subject;
  try {
    showPlaces(await look());
  } catch (error) {
    complain(error.message); // also that nobody is known, by a proxy that passes no cookie on
  }
  showChoices();
  if (!dialog.open) dialog.showModal();
}

function showPlaces({ address, channels }) {
  const places = channels.map((name) => new Option(`the channel ${name}`, name));
  if (address) places.unshift(new Option(`my address, ${address}`, OWN));
  const before = byId("where").value;
  byId("where").replaceChildren(...places);
  if (places.some((each) => each.value === before)) byId("where").value = before;
  byId("where").parentElement.hidden = !places.length;
  byId("nowhere").hidden = Boolean(address);
  byId("nowhere").replaceChildren(...withoutAddress(places.length));
}

function withoutAddress(others) {
  const page = me ? Object.assign(document.createElement("a"), { href: `${me}#address-title`, textContent: "your page" }) : "the monitor’s page /me/";
  return others ? ["To be told at your own address, register it on ", page, "."] : ["There is nowhere to tell you: no channel is open to watchers, and you have registered no address. Do so on ", page, "."];
}

function showChoices() {
  const focused = document.activeElement?.dataset?.watchFor;
  byId("choices").replaceChildren(...CHOICES[shown.tell].map(choice));
  if (focused) byId("choices").querySelector(`[data-watch-for="${focused}"]`)?.focus();
}

function choice(watchFor) {
  const own = watchesOf(shown).find((each) => each.watch_for === watchFor);
  const [item, button] = [document.createElement("li"), document.createElement("button")];
  Object.assign(button, { type: "button", className: "quiet choice", ariaPressed: String(Boolean(own)) });
  button.dataset.watchFor = watchFor;
  const where = own ? ` · told ${own.channel ? `in ${own.channel}` : "at your address"}` : "";
  button.textContent = WORDS[watchFor] + where;
  button.disabled = !own && !byId("where").options.length;
  item.append(button);
  return item;
}

async function toggle(watchFor) {
  if (isAsking) return;
  isAsking = true;
  const { tell: kind, subject } = shown;
  const own = watchesOf(shown).find((each) => each.watch_for === watchFor);
  const channel = byId("where").value || null;
  const answer = own
    ? await write("DELETE", `${path}${own.id}/`)
    : await post(path, { kind, subject, watch_for: watchFor, channel });
  isAsking = false;
  complain(answer.isGood || (own && answer.status === 404) ? "" : answer.reason);
  if (own && (answer.isGood || answer.status === 404)) drop(own);
  else if (answer.isGood) keep(answer.body);
  byId("said").textContent = answer.isGood ? (own ? "You are not told any more" : `You are told ${WORDS[watchFor]}`) : "";
  mark();
  showChoices();
}

function complain(text) {
  byId("refused").textContent = text;
  byId("refused").hidden = !text;
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-tell], [data-watch-for], #tell-close");
  if (button?.dataset.tell) open(button);
  else if (button?.dataset.watchFor) toggle(button.dataset.watchFor);
  else if (button || target === dialog) dialog.close();
});
// The part that has the button may have been replaced meanwhile.
dialog.addEventListener("close", () => {
  const again = [...document.querySelectorAll("[data-tell]")].find((each) => each.dataset.tell === shown?.tell && each.dataset.subject === shown.subject);
  again?.focus();
});

new MutationObserver(mark).observe(document.getElementById("main"), { childList: true, subtree: true });
if (isKnown) look().catch(() => {}); // the buttons then say nothing; a press says why
