// Follows the server's event stream, resumes after any break, and says in words how it stands.

import { clock } from "./words.js";

const STREAM = document.body.dataset.stream;
const LONGEST_WAIT = 15000;
const LONG_BREAK = 60000; // after which a fresh snapshot costs less than what was missed

/** The page may not be read any more without signing in. */
export class SignedOut extends Error {}

/** The page as it is now on the server: fetched once for an event that asks for it, not by the clock. */
export async function fetchPage(lastId) {
  const address = new URL(location.href);
  address.searchParams.set("after", lastId);
  const answer = await fetch(address, { cache: "no-store" });
  if (answer.status === 401) throw new SignedOut();
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

/** Put the server's newer form of a part into the page; the focus stays on the link that had it. */
export function replacePart(id, fresh) {
  const [old, part] = [document.getElementById(id), fresh.getElementById(id)];
  if (!old || !part) return;
  const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
  old.replaceWith(part);
  if (focused) document.getElementById(focused)?.focus();
}

/** Runs `work` once for many calls: a moment after the first, and not again too soon. */
export class Once {
  constructor(work, { delay, rest }) {
    Object.assign(this, { work, delay, rest, timer: 0, busyUntil: 0 });
  }

  ask(delay = this.delay) {
    if (this.timer) return;
    const wait = Math.max(delay, this.busyUntil - performance.now());
    this.timer = setTimeout(async () => {
      await this.work();
      this.timer = 0;
      this.busyUntil = performance.now() + this.rest;
    }, wait);
  }
}

export class Live {
  /**
   * @param types message types to follow
   * @param lastId where to begin: a function that gives the id of the last event that is known
   * @param onEvent called with (type, payload, id)
   * @param refresh brings the page up to date from the server, throws SignedOut or another error
   */
  constructor({ types, lastId, onEvent, refresh }) {
    Object.assign(this, { types, lastId, onEvent, refresh, brokenSince: 0, wait: 1000 });
    this.badge = document.getElementById("connection");
    this.wordsOf = document.getElementById("connection-words");
    this.again = document.getElementById("connection-again");
    this.again.addEventListener("click", () => this.#recover());
    addEventListener("pagehide", () => this.source?.close());
    addEventListener("pageshow", (event) => event.persisted && this.#recover());
    this.#open();
  }

  #open() {
    this.source?.close();
    const asked = new URLSearchParams({ after: this.lastId(), msg_types: this.types.join(",") });
    const source = new EventSource(`${STREAM}?${asked}`);
    this.source = source;
    source.addEventListener("connected", () => this.#opened());
    source.addEventListener("error", () => source === this.source && this.#broken());
    for (const type of this.types) {
      source.addEventListener(type, ({ data, lastEventId }) => {
        this.onEvent(type, JSON.parse(data), Number(lastEventId));
      });
    }
  }

  #opened() {
    const was = this.brokenSince;
    this.brokenSince = 0;
    this.wait = 1000;
    this.#say("live", "Live");
    if (was && Date.now() - was > LONG_BREAK) this.#recover();
  }

  /** The browser reconnects by itself after a break, but not after an answer other than 200. */
  #broken() {
    this.brokenSince ||= Date.now();
    this.#say("connecting", `Reconnecting since ${clock(this.brokenSince).slice(11)}`);
    if (this.source.readyState === EventSource.CLOSED) setTimeout(() => this.#recover(), this.wait);
  }

  /** Catch up by a snapshot, which also renews a visitor's cookie, and follow on from there. */
  async #recover() {
    this.again.hidden = true;
    this.source?.close();
    try {
      await this.refresh();
      const answer = await fetch(`${STREAM}status/`, { cache: "no-store" });
      if (answer.status === 403) return this.#refused("Not live: the stream is for those who sign in");
      if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
      this.#open();
    } catch (error) {
      if (error instanceof SignedOut) return this.#refused("Not live: sign in again");
      this.wait = Math.min(2 * this.wait, LONGEST_WAIT);
      this.#broken();
    }
  }

  #refused(why) {
    this.#say("refused", why);
    this.again.hidden = false;
  }

  #say(state, text) {
    this.badge.dataset.state = state;
    if (this.wordsOf.textContent !== text) this.wordsOf.textContent = text;
  }
}
