// A page follows the stream for as long as it is open; its badge says how that stands.

import { fetchPage, Once, replacePart, SignedOut } from "./live.js";
import { join, watch } from "./stream.js";
import { clock } from "./words.js";

const POLL = 10000;
const MOST_POLLS = 30;
const LONG_BREAK = 60000; // after which a fresh page costs less than what was missed
const SETTLING = 1500; // a request's row may be written a little after its flow run's event

const badge = document.getElementById("connection");
const badgeWords = document.getElementById("connection-words");
const again = document.getElementById("connection-again");
const time = (at) => clock(at).slice(11);

function say(state, text, why = "") {
  if (!badge) return;
  badge.dataset.state = state;
  badge.title = why;
  if (badgeWords.textContent !== text) badgeWords.textContent = text;
  again.hidden = state !== "refused";
}

/** Every event of some types after the one that the page shows, and the page's badge. */
export class Follower {
  /**
   * @param types message types to follow
   * @param lastId gives the id of the event that the page shows
   * @param onEvent called with (type, payload, id)
   * @param refresh brings the page up to date from the server, throws SignedOut or another error
   * @param isOpen whether the page shows something that has not ended: its end may come without an
   *   event, or while there is no stream, so the server is asked every 10 s, for five minutes
   * @param poll called to ask it, where that is not to refresh
   */
  constructor({ types, lastId, onEvent, refresh, isOpen = () => false, poll = refresh }) {
    Object.assign(this, { onEvent, refresh, isOpen, poll, state: "connecting", since: 0, polls: 0 });
    this.tryAgain = join({ types, after: lastId() }, (message) => this.#hear(message));
    again?.addEventListener("click", () => this.#recover());
    addEventListener("pageshow", (event) => event.persisted && this.#refreshQuietly());
    setInterval(() => this.#tick(), POLL);
    say("connecting", "Connecting");
  }

  /** There is news, or something was asked for: the time of asking by the clock begins again. */
  touch() {
    this.polls = 0;
    this.show();
  }

  #hear({ kind, state, since, events, reason }) {
    if (kind === "state") this.#turn(state, since);
    else if (kind === "anew") this.#beginAnew(reason);
    else if (kind === "events") {
      for (const { type, data, id } of events) this.onEvent(type, JSON.parse(data), id);
    }
  }

  #turn(state, since) {
    const was = this.since;
    Object.assign(this, { state, since });
    if (state === "live") {
      this.isRefused = false;
      if (was && Date.now() - was > LONG_BREAK) this.#refreshQuietly();
    } else if (state === "refused" && !this.isRefused) {
      this.isRefused = true;
      this.#recover(); // a fresh page renews a visitor's cookie
    }
    this.show();
  }

  #beginAnew(reason) {
    this.anew = { at: Date.now(), reason };
    this.#refreshQuietly();
    this.show();
  }

  /** Say how the page stands with the server. */
  show() {
    const asks = this.isOpen() && this.polls < MOST_POLLS ? ": looked at every 10 s" : "";
    if (this.state === "live" && this.anew) say("live", `Live, begun anew at ${time(this.anew.at)}`, this.anew.reason);
    else if (this.state === "live") say("live", "Live");
    else if (this.state === "refused") say("refused", this.words ?? `Not live, the stream is for those who sign in${asks}`);
    else if (!this.since) say("connecting", "Connecting");
    else say("connecting", asks ? `No live stream${asks}` : `Reconnecting since ${time(this.since)}`);
  }

  async #recover() {
    this.words = undefined;
    try {
      await this.refresh();
    } catch (error) {
      if (error instanceof SignedOut) this.words = "Not live: sign in again";
    }
    this.show();
    this.tryAgain();
  }

  #refreshQuietly() {
    return this.refresh().catch(() => {}); // the badge tells of a lost server
  }

  #tick() {
    if (this.isOpen() && this.polls < MOST_POLLS) {
      this.polls += 1;
      this.poll();
    }
    this.show();
  }
}

/** A page whose parts are fetched anew, once for many events, when one of them concerns it. */
export class LivePage {
  /**
   * @param parts ids of the parts; the first names the event that they show
   * @param types message types to follow
   * @param concerns whether the page may look different after an event of (type, payload)
   * @param isOpen, poll as the Follower's
   * @param hear called with each event that concerns the page, before it is fetched
   * @param renew called with the fetched page instead of replacing the parts, and with whether its
   *   fetching began before something was asked for, of which it then tells nothing
   * @param waits whether what waits for the ops side is shown: that is no event
   */
  constructor({ parts, types, concerns = () => true, isOpen, poll, hear = () => {}, renew, waits = false }) {
    Object.assign(this, { parts, concerns, hear, asked: 0, renewParts: renew ?? ((fresh) => this.replace(fresh)) });
    this.renewal = new Once(() => this.#renew(), { delay: 300, rest: 2000 });
    this.settled = new Once(() => this.#renew(), { delay: SETTLING, rest: 2000 });
    this.follower = new Follower({
      types, isOpen, poll,
      lastId: () => this.lastId,
      onEvent: (type, payload, id) => this.#hear(type, payload, id),
      refresh: () => this.renewal.ask(0),
    });
    if (waits) this.#followQueue();
    document.addEventListener("visibilitychange", () => this.isBehind && this.renewal.ask(0));
  }

  get lastId() {
    return Number(document.getElementById(this.parts[0]).dataset.eventId);
  }

  /** Fetch the page anew; resolves when that was done. */
  ask() {
    return this.renewal.ask(0);
  }

  /** Something was asked for: what comes of it is in answers to later questions only. */
  noteAsked() {
    this.asked += 1;
    this.follower.touch();
    return this.ask();
  }

  replace(fresh) {
    for (const id of this.parts) replacePart(id, fresh);
  }

  #hear(type, payload, id) {
    if (!this.concerns(type, payload)) return;
    this.follower.touch();
    this.hear(type, payload, id);
    if (id > this.lastId) this.#renewSoon();
    if (type === "flow_run_state" && !document.hidden) this.settled.ask();
  }

  #renewSoon() {
    if (document.hidden) this.isBehind = true; // nobody sees it: once, when it is looked at
    else this.renewal.ask();
  }

  async #renew() {
    this.isBehind = false;
    const before = this.asked;
    const fresh = await fetchPage(this.lastId, this.parts[0]);
    this.renewParts(fresh, before !== this.asked);
    this.follower.show();
  }

  #followQueue() {
    let before = document.getElementById("strip")?.dataset.queue;
    watch(({ standing }) => {
      const queue = standing ? `${standing.newest_request} ${standing.waiting}` : before;
      if (before !== queue) this.#renewSoon();
      before = queue;
    });
  }
}
