// An operation on many tasks: asked for a few at a time, and each followed to its end.

import { SUBMISSION } from "./tasks_events.js";
import { post } from "./tasks_write.js";
import { count } from "./words.js";

const AT_A_TIME = 4;
const SETTLING = 100;
const ASKED_AT_ONCE = 100; // tasks that one look takes
const PATHS = {
  submit: { path: "submit/", body: {} },
  lock: { path: "lock/", body: {} },
  draft: { path: "set-status/", body: { status: "draft" } },
};
const DOING = { submit: "Submitting", lock: "Locking", draft: "Setting back to draft" };
const OVER = new Set(["submitted", "done", "failed", "not done"]);
const STATES = [...OVER, "unrecorded", "unknown", "submitting", "waiting", "to do"];
const byId = (id) => document.getElementById(id);

/** The step that a submission is at; an event of an earlier version does not say how many there are. */
function stepWords({ step_number: number, steps, text }) {
  return `${number}${steps ? ` of ${steps}` : ""}: ${text}`;
}

export class Batch {
  /**
   * @param page the page's addresses
   * @param onEnd called when all have ended
   * @param onChange called when the batch begins or ends
   * @param onAsked called when one was asked for
   */
  constructor(page, { onEnd, onChange, onAsked }) {
    Object.assign(this, { page, onEnd, onChange, onAsked, entries: new Map(), isBusy: false });
    addEventListener("beforeunload", (event) => this.#isUnasked() && event.preventDefault());
    byId("batch-close").addEventListener("click", () => (byId("batch").hidden = true));
  }

  /** Do the plan. */
  async run({ operation, will }) {
    this.#begin(will.map(({ id, name, label, reference }) => ({ id, name, label, reference, state: "to do", text: "" })));
    byId("batch-title").textContent = `${DOING[operation]} ${will.length === 1 ? "1 task" : `${count(will.length)} tasks`}`;
    byId("batch").hidden = false;
    byId("batch").focus();
    byId("batch-rows").tBodies[0].replaceChildren(...[...this.entries.values()].map((each) => (each.row = this.#newRow(each))));
    this.#showCounts();
    const waiting = [...this.entries.values()];
    const { path, body } = PATHS[operation];
    const asker = async () => {
      for (let entry = waiting.shift(); entry; entry = waiting.shift()) {
        const answer = await post(`${this.page.api}${entry.reference}/${path}`, body);
        this.#answered(entry, operation, answer);
        this.onAsked();
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, asker));
    if (this.isBusy && operation === "submit") this.check(); // an end may have come before its answer
  }

  /** Say something in the place of a batch. */
  tell(title, text) {
    byId("batch-title").textContent = title;
    byId("batch-counts").textContent = text;
    byId("batch-rows").tBodies[0].replaceChildren();
    byId("batch").hidden = false;
    byId("batch").focus();
  }

  #begin(entries) {
    this.entries = new Map(entries.map((each) => [each.name, each]));
    this.isBusy = true;
    this.onChange();
  }

  #answered(entry, operation, answer) {
    if (!answer.isGood) this.#turn(entry, "not done", answer.reason);
    else if (operation !== "submit") this.#turn(entry, "done", `now ${answer.body.status}`);
    else {
      entry.request = answer.body.request?.id;
      if (entry.state === "to do") this.#turn(entry, "waiting", `request ${entry.request ?? ""}`);
    }
  }

  /** An event of the stream. */
  hear(type, payload) {
    const entry = this.entries.get(payload.task_name);
    if (!entry || OVER.has(entry.state) || !SUBMISSION.includes(type)) return;
    if (entry.request && payload.request_id !== entry.request) return; // an earlier one's
    const { jedi_task_id: key, reason } = payload;
    if (type === "prodtask_submit_progress") this.#turn(entry, "submitting", stepWords(payload));
    else if (type === "prodtask_submitted") this.#turn(entry, "submitted", key);
    else if (type === "prodtask_submit_failed") this.#turn(entry, "failed", reason);
    else if (type === "prodtask_submit_unrecorded") this.#turn(entry, "unrecorded", `PanDA has it as ${key}; do not submit it again. ${reason}`);
    else this.#turn(entry, "unknown", reason);
  }

  /** Ask how those stand that have not ended. */
  async check() {
    const { entries } = this;
    const open = [...entries.values()].filter((each) => !OVER.has(each.state) && each.state !== "to do");
    for (let start = 0; start < open.length; start += ASKED_AT_ONCE) {
      const ids = open.slice(start, start + ASKED_AT_ONCE).map((each) => each.id).join(",");
      try {
        const answer = await fetch(`${this.page.tasks}states.json?ids=${ids}`, { cache: "no-store" });
        if (!answer.ok) return;
        const states = await answer.json();
        if (entries !== this.entries) return; // of a batch that is over
        for (const state of states) this.#found(state);
      } catch {
        return; // the next look tries again
      }
    }
  }

  #found({ name, phase, reason, jedi_task_id: key }) {
    const entry = this.entries.get(name);
    if (!entry || OVER.has(entry.state)) return;
    if (phase === "submitted") this.#turn(entry, phase, String(key));
    else if (phase === "failed" || phase === "unknown") this.#turn(entry, phase, reason);
    else if (phase === "unrecorded") this.#turn(entry, phase, `PanDA has it as ${key}; do not submit it again. ${reason}`);
    else if (phase === "waiting" && entry.state === "waiting") this.#turn(entry, phase, "for the ops side");
    else if (phase === "running" && entry.state === "waiting") this.#turn(entry, "submitting", "");
  }

  #turn(entry, state, text) {
    Object.assign(entry, { state, text });
    const shown = state === "submitted" ? this.#link(text) : document.createTextNode(text);
    entry.row?.lastElementChild.replaceChildren(stateOf(state), " ", shown);
    this.timer ??= setTimeout(() => this.#settle(), SETTLING);
  }

  /** Count, once for many turns, and end where nothing is open any more. */
  #settle() {
    this.timer = undefined;
    const over = this.#showCounts();
    if (this.isBusy && over === this.entries.size) this.#end();
  }

  /** Whether some would not be asked for if the page were left now. */
  #isUnasked() {
    return [...this.entries.values()].some((each) => each.state === "to do");
  }

  #end() {
    this.isBusy = false;
    this.onChange();
    this.onEnd();
  }

  #newRow(entry) {
    const [row, name, state, link] = ["tr", "th", "td", "a"].map((tag) => document.createElement(tag));
    name.scope = "row";
    link.href = `${this.page.tasks}${entry.reference}/`;
    link.textContent = entry.label;
    name.append(link);
    state.append(stateOf(entry.state));
    row.append(name, state);
    return row;
  }

  #showCounts() {
    const all = [...this.entries.values()];
    const tally = new Map(STATES.map((state) => [state, 0]));
    for (const { state } of all) tally.set(state, tally.get(state) + 1);
    const over = [...OVER].reduce((sum, state) => sum + tally.get(state), 0);
    const counts = [...tally].filter(([, number]) => number).map(([state, number]) => `${count(number)} ${state}`);
    byId("batch-counts").textContent = counts.join(" · ");
    byId("batch-progress").max = Math.max(1, all.length);
    byId("batch-progress").value = over;
    return over;
  }

  #link(key) {
    if (!this.page.monitor) return document.createTextNode(key);
    const link = document.createElement("a");
    link.href = this.page.monitor.replace("{id}", key);
    link.textContent = key;
    return link;
  }
}

/** A state as the server's templates show it. */
function stateOf(word) {
  const [state, dot] = [document.createElement("span"), document.createElement("span")];
  state.className = "state";
  state.dataset.state = word;
  dot.className = "dot";
  dot.ariaHidden = "true";
  state.append(dot, word);
  return state;
}
