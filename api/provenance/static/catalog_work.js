// One piece of work that the ops side does for a page: asked for, followed, and its end shown.

import { Follower } from "./follow.js";
import { fetchPage, replacePart } from "./live.js";
import { mayWrite, post } from "./tasks_write.js";
import { count } from "./words.js";

const SECONDS = 900;
const byId = (id) => document.getElementById(id);

export class Work {
  /**
   * @param button starts it
   * @param caller who the page's reader is
   * @param path where it is asked for by POST; `body` what is sent
   * @param types message types about it: of progress first, then of its end
   * @param isOurs whether an event's payload is of this work
   * @param ended gives the words for its end's payload
   * @param parts ids of what is fetched anew when it ended; `standing` tells whether it goes on
   */
  constructor({ button, caller, path, body, types, isOurs, ended, parts, onNew }) {
    Object.assign(this, { button, caller, path, body, types, isOurs, ended, parts, onNew });
    Object.assign(this, { isAsked: false, asked: 0 });
    const resume = () => this.#follow();
    this.follower = new Follower({
      types, seconds: SECONDS, resume,
      onEvent: (type, payload, id) => this.#hear(type, payload, id),
      check: () => this.#check(),
    });
    button.addEventListener("click", () => this.#ask());
    byId("work-close").addEventListener("click", () => (byId("work").hidden = true));
    if (this.standing.dataset.request) this.#follow();
  }

  get standing() {
    return byId("standing");
  }

  get lastId() {
    return Math.max(this.known ?? 0, Number(this.standing.dataset.eventId));
  }

  async #ask() {
    if (!(await mayWrite(this.caller))) return;
    this.#begin("Asking…");
    await this.follower.open(this.lastId); // before the request, so that a fast end is not missed
    const answer = await post(this.path, this.body);
    if (!answer.isGood) return this.#end("bad", `It was not accepted: ${answer.reason}`);
    this.isAsked = true;
    this.asked += 1;
    this.#say("Queued.");
    this.follower.begin();
  }

  async #follow() {
    this.#begin("Under way.");
    this.isAsked = true;
    await this.follower.open(this.lastId);
    this.follower.begin();
  }

  #hear(type, payload, id) {
    this.known = Math.max(this.known ?? 0, id);
    if (!this.isAsked || !this.isOurs(payload)) return; // an earlier one's end is not ours
    this.follower.touch();
    if (type === this.types[0]) this.#progress(payload);
    else this.#finish(payload);
  }

  #progress({ done, total, text }) {
    const bar = byId("work-bar");
    if (total) Object.assign(bar, { max: total, value: Math.min(done ?? 0, total) });
    else bar.removeAttribute("value");
    const number = total ? ` ${count(done ?? 0)} of ${count(total)}` : "";
    this.#say(`${text ?? "Working."}${number}`);
  }

  async #finish(payload) {
    this.#end(payload.ok ? "good" : "bad", this.ended(payload));
    await this.#renew();
  }

  /** Ask the page itself: an end without an event is seen there. */
  async #check() {
    if (!this.isAsked) return;
    const before = this.asked;
    const fresh = await fetchPage(this.lastId).catch(() => null);
    const now = fresh?.getElementById("standing");
    if (!now || now.dataset.request || !this.isAsked || before !== this.asked) return;
    const hasFailed = now.dataset.state === "failed";
    this.#end(hasFailed ? "bad" : "good", hasFailed ? "It failed; see above." : "Done.");
    this.#show(fresh);
  }

  async #renew() {
    const fresh = await fetchPage(this.lastId).catch(() => null);
    if (fresh) this.#show(fresh);
  }

  #show(fresh) {
    for (const id of this.parts) replacePart(id, fresh);
    this.onNew?.();
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
    this.isAsked = false;
    this.follower.close();
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
