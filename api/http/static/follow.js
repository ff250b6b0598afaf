// The server's event stream: what opens, resumes and closes it, for every page.
// `Live` follows it as long as the page is open, `Follower` until the end of one piece of work.

import { SignedOut } from "./live.js";
import { clock } from "./words.js";

const STREAM = document.body.dataset.stream;
const badge = document.getElementById("connection");
const badgeWords = document.getElementById("connection-words");
const again = document.getElementById("connection-again");

function say(state, text) {
  if (!badge) return;
  badge.dataset.state = state;
  if (badgeWords.textContent !== text) badgeWords.textContent = text;
}

/** One EventSource, closed with the page; `turned(isLive)` is called at each change. */
class Source {
  open(after) {
    this.close();
    const asked = new URL(this.address ?? STREAM, location.href);
    asked.searchParams.set("msg_types", this.types.join(","));
    if (after !== undefined) asked.searchParams.set("after", after);
    const source = new EventSource(String(asked).replaceAll("%2C", ","));
    const present = (listener) => (event) => source === this.source && listener(event);
    this.source = source;
    source.addEventListener("connected", present(() => this.turned(true)));
    source.addEventListener("error", present(() => this.turned(false)));
    for (const type of this.types) {
      const hear = ({ data, lastEventId }) => this.onEvent(type, JSON.parse(data), Number(lastEventId));
      source.addEventListener(type, present(hear));
    }
  }

  close() {
    this.source?.close();
    this.source = undefined;
  }
}

// ------------------------------------------------------------------ as long as the page is open

const LONGEST_WAIT = 15000;
const LONG_BREAK = 60000; // after which a fresh snapshot costs less than what was missed

export class Live extends Source {
  /**
   * @param types message types to follow
   * @param lastId where to begin: a function that gives the id of the last event that is known
   * @param onEvent called with (type, payload, id)
   * @param refresh brings the page up to date from the server, throws SignedOut or another error
   */
  constructor({ types, lastId, onEvent, refresh }) {
    super();
    Object.assign(this, { types, lastId, onEvent, refresh, brokenSince: 0, wait: 1000 });
    again.addEventListener("click", () => this.#recover());
    addEventListener("pagehide", () => this.close());
    addEventListener("pageshow", (event) => event.persisted && this.#recover());
    this.open(lastId());
  }

  turned(isLive) {
    if (!isLive) return this.#broken(this.source.readyState === EventSource.CLOSED);
    const was = this.brokenSince;
    this.brokenSince = 0;
    this.wait = 1000;
    say("live", "Live");
    if (was && Date.now() - was > LONG_BREAK) this.#recover();
  }

  /** The browser reconnects by itself after a break, but not after an answer other than 200. */
  #broken(isClosed) {
    this.brokenSince ||= Date.now();
    say("connecting", `Reconnecting since ${clock(this.brokenSince).slice(11)}`);
    if (isClosed) setTimeout(() => this.#recover(), this.wait);
  }

  /** Catch up by a snapshot, which also renews a visitor's cookie, and follow on from there. */
  async #recover() {
    again.hidden = true;
    this.close();
    try {
      await this.refresh();
      const answer = await fetch(`${STREAM}status/`, { cache: "no-store" });
      if (answer.status === 403) return this.#refused("Not live: the stream is for those who sign in");
      // The external proxy has the stream only, and no path for its status.
      if (!answer.ok && answer.status !== 404) throw new Error(`the server answered ${answer.status}`);
      this.open(this.lastId());
    } catch (error) {
      if (error instanceof SignedOut) return this.#refused("Not live: sign in again");
      this.wait = Math.min(2 * this.wait, LONGEST_WAIT);
      this.#broken(true);
    }
  }

  #refused(why) {
    say("refused", why);
    again.hidden = false;
  }
}

// ------------------------------------------------------------------ until the end of some work
// Rules: ops contract section 4.3. Where the stream is silent, a few questions by the clock help.

const CONNECTING = 3000;
const POLL = 10000;
const MOST_POLLS = 30;
const WORDS = { live: "Live", connecting: "Connecting", refused: "No live stream: looked at every 10 s" };
const following = new Set();
let stillWords = badgeWords?.textContent;
const over = new Set(); // whose time ran out; they go on when the user wants it

function sayTogether() {
  const states = [...following].map((each) => each.state);
  const state = Object.keys(WORDS).find((each) => states.includes(each)) ?? "still";
  say(state, WORDS[state] ?? stillWords);
  if (again) again.hidden = following.size > 0 || !over.size;
}

export class Follower extends Source {
  /**
   * @param types message types to follow
   * @param seconds how long, from `begin` or the last `touch`
   * @param onEvent called with (type, payload, id)
   * @param check asks the server how things stand
   * @param resume called when the user wants to go on after the time was over
   * @param address the stream, where it is not that of all events
   * @param onTimeOut called when the time is over
   */
  constructor({ types, seconds, onEvent, check, resume, address, onTimeOut }) {
    super();
    Object.assign(this, { types, seconds, onEvent, check, resume, address, onTimeOut });
    Object.assign(this, { state: "connecting", polls: 0 });
    again?.addEventListener("click", () => this.#goOn());
    addEventListener("pagehide", () => this.close());
  }

  get isOpen() {
    return following.has(this);
  }

  /** Whether its time ran out. */
  get isOver() {
    return over.has(this);
  }

  /** Open the stream, from the event `after` on; resolves when it is open, refused, or late. */
  open(after) {
    super.open(after);
    following.add(this);
    sayTogether();
    return new Promise((resolve) => {
      this.opened = resolve;
      setTimeout(resolve, CONNECTING);
    });
  }

  /** Ask at once, then every 10 s; the time that remains begins now. */
  begin() {
    if (!this.isOpen) return; // closed while the stream was being opened
    clearInterval(this.timer);
    this.touch();
    this.check();
    this.timer = setInterval(() => this.#tick(), POLL);
  }

  /** There is news: the time that remains begins again. */
  touch() {
    this.polls = 0;
    clearTimeout(this.end);
    this.end = setTimeout(() => this.#timeOut(), 1000 * this.seconds);
  }

  close() {
    clearInterval(this.timer);
    clearTimeout(this.end);
    super.close();
    this.timer = undefined;
    this.state = "connecting";
    if (following.delete(this) || over.delete(this)) {
      stillWords = `As of ${clock(Date.now())}`;
      sayTogether();
    }
  }

  turned(isLive) {
    const isBack = isLive && this.state === "refused" && this.timer;
    this.state = isLive ? "live" : "refused";
    sayTogether();
    this.opened();
    if (isBack) this.check(); // what a proxy let us miss
  }

  #tick() {
    this.polls += 1;
    if (this.polls <= MOST_POLLS) this.check();
  }

  #timeOut() {
    this.close();
    over.add(this);
    stillWords = "Not followed any more";
    sayTogether();
    this.onTimeOut?.();
  }

  #goOn() {
    if (this.isOver) this.resume();
  }
}
