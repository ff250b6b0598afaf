// A page that shows what a piece of work of the ops side makes: the work is asked for and followed here,
// and whatever it changes is shown, whoever asked for it.

import { LivePage } from "./follow.js";
import { mayWrite, post } from "./tasks_write.js";
import { count } from "./words.js";

const PROGRESS = "provenance_progress";
const byId = (id) => document.getElementById(id);

export class Work {
  /**
   * @param button starts it
   * @param caller who the page's reader is
   * @param path where it is asked for by POST
   * @param type message type of its end
   * @param others message types of what else changes the page
   * @param concerns whether an event of those, (type, payload), does
   * @param isOurs whether an event's payload is of this kind of work, whoever asked for it
   * @param ended gives the words for its end's payload
   * @param parts ids of what is fetched anew; the first, `standing`, tells whether it goes on
   * @param onNew called when the parts are new
   */
  constructor({ button, caller, path, type, others = [], concerns = () => true, isOurs, ended, parts, onNew = () => {} }) {
    Object.assign(this, { button, caller, path, type, concerns, isOurs, ended, onNew, isAsked: false, request: "" });
    button.addEventListener("click", () => this.#ask());
    byId("work-close").addEventListener("click", () => (byId("work").hidden = true));
    this.page = new LivePage({
      parts,
      types: [PROGRESS, type, ...others],
      concerns: (heard, payload) => this.#concerns(heard, payload),
      isOpen: () => this.isAsked,
      hear: (heard, payload) => this.#hear(heard, payload),
      renew: (fresh, isOlder) => this.#show(fresh, isOlder),
    });
    if (byId("standing").dataset.request) this.#follow();
  }

  async #ask() {
    if (!(await mayWrite(this.caller))) return;
    this.#begin("Asking…");
    const answer = await post(this.path);
    if (!answer.isGood) return this.#end("bad", `It was not accepted: ${answer.reason}`);
    this.isAsked = true;
    this.#say("Queued.");
    this.page.noteAsked(); // its end may have come before the answer
  }

  #follow() {
    this.#begin("Under way.");
    Object.assign(this, { isAsked: true, request: byId("standing").dataset.request });
  }

  #concerns(type, payload) {
    if (type === PROGRESS) return this.#isThisOne(payload);
    return type === this.type ? this.isOurs(payload) : this.concerns(type, payload);
  }

  /** Whether the event is of the work that is followed; the page names its request a little later. */
  #isThisOne(payload) {
    return this.isAsked && this.isOurs(payload) && (!this.request || String(payload.request_id) === this.request);
  }

  #hear(type, payload) {
    if (!this.#isThisOne(payload)) return; // another's, or an earlier one's
    if (type === PROGRESS) this.#progress(payload);
    else if (type === this.type) this.#end(payload.ok ? "good" : "bad", this.ended(payload));
  }

  #progress({ done, total, text }) {
    const bar = byId("work-bar");
    if (total) Object.assign(bar, { max: total, value: Math.min(done ?? 0, total) });
    else bar.removeAttribute("value");
    const number = total ? ` ${count(done ?? 0)} of ${count(total)}` : "";
    this.#say(`${text ?? "Working."}${number}`);
  }

  /** Show the parts as the server has them; an end without an event is seen there. */
  #show(fresh, isOlder) {
    this.page.replace(fresh);
    this.onNew();
    if (!this.isAsked || isOlder) return;
    const { request, state } = byId("standing").dataset;
    this.request ||= request;
    if (request) return;
    this.#end(state === "failed" ? "bad" : "good", state === "failed" ? "It failed; see above." : "Done.");
  }

  #begin(words) {
    byId("work").hidden = false;
    delete byId("work").dataset.end;
    byId("work-end").hidden = true;
    byId("work-bar").hidden = false;
    byId("work-bar").removeAttribute("value");
    this.button.disabled = true;
    this.#say(words);
  }

  #end(how, words) {
    Object.assign(this, { isAsked: false, request: "" });
    byId("work").dataset.end = how;
    byId("work-bar").hidden = true;
    byId("work-end").hidden = false;
    this.button.disabled = false;
    this.#say(words);
    byId("said").textContent = words;
  }

  #say(words) {
    byId("work-words").textContent = words;
  }
}
