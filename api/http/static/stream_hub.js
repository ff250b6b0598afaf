// One connection for many listeners: a browser has six to a server, and every tab wants to follow.
// Runs in a SharedWorker, in the one tab that serves all others, or in a page alone.

const CONNECTING = 10000; // a proxy that holds the answer back for so long is no connection
const FIRST_WAIT = 1000;
const LONGEST_WAIT = 15000;
const GATHERING = 15;
const LOOK = 10000; // how often the standing of the ops side is asked for

const now = () => Date.now();

/** One stream. Each listener hears every event of its types after its position, once, in order. */
class Hub {
  constructor(address, beat) {
    Object.assign(this, { address, silence: 2000 * beat, listeners: new Map(), state: "connecting", since: 0, wait: FIRST_WAIT });
    setInterval(() => this.#watch(), Math.min(5000, this.silence / 4));
  }

  join(key, { types, after }, tell) {
    this.listeners.set(key, { types: new Set(types), position: after, tell, waiting: [] });
    if (this.source && this.#covers(types, after)) this.#tellState(tell);
    else if (this.source || !this.isWaiting) this.#open();
    else this.#tellState(tell);
  }

  leave(key) {
    if (this.listeners.delete(key) && !this.listeners.size) this.#drop();
  }

  /** Try again now: whoever asks has found out why it was refused. */
  again() {
    if (this.isWaiting) this.#open();
  }

  #covers(types, after) {
    return after >= this.position && types.every((type) => this.types.has(type));
  }

  #open() {
    this.#drop();
    const all = [...this.listeners.values()];
    if (!all.length) return;
    this.types = new Set(all.flatMap((each) => [...each.types]));
    this.position = Math.min(...all.map((each) => each.position));
    const asked = new URL(this.address);
    asked.searchParams.set("msg_types", [...this.types].join(","));
    asked.searchParams.set("after", this.position);
    const source = new EventSource(String(asked).replaceAll("%2C", ","));
    Object.assign(this, { source, isConnected: false, heardAt: now() });
    const on = (name, act) => source.addEventListener(name, (event) => source === this.source && act(event));
    const hear = (name, act) => on(name, (event) => { this.heardAt = now(); act(event); });
    hear("connected", () => this.#connected());
    hear("heartbeat", () => this.#tellAll({ kind: "alive" }));
    hear("position_unknown", ({ data }) => this.#beginAnew(JSON.parse(data)));
    for (const type of this.types) hear(type, ({ data, lastEventId }) => this.#event(type, data, Number(lastEventId)));
    on("error", () => this.#broken());
  }

  #drop() {
    clearTimeout(this.retry);
    this.isWaiting = false;
    this.source?.close();
    this.source = undefined;
  }

  #connected() {
    Object.assign(this, { isConnected: true, wait: FIRST_WAIT });
    this.#say("live", 0);
  }

  /** The connection may have died without a word: heartbeats are what tells. */
  #watch() {
    if (this.source && now() - this.heardAt > (this.isConnected ? this.silence : CONNECTING)) this.#broken();
  }

  async #broken() {
    const wasOpened = this.isConnected;
    this.#drop();
    this.isWaiting = true;
    this.#say("connecting", this.since || now());
    const isRefused = !wasOpened && (await this.#isRefused());
    if (!this.isWaiting || this.source) return; // somebody came meanwhile
    if (isRefused) this.#say("refused", this.since);
    this.retry = setTimeout(() => this.#open(), isRefused ? LONGEST_WAIT : this.wait * (0.5 + Math.random() / 2));
    this.wait = Math.min(2 * this.wait, LONGEST_WAIT);
  }

  /** An EventSource does not say why it was refused. */
  async #isRefused() {
    const answer = await fetch(new URL("status/", this.address), { cache: "no-store" }).catch(() => null);
    return answer?.status === 401 || answer?.status === 403;
  }

  #event(type, data, id) {
    this.position = Math.max(this.position, id);
    for (const each of this.listeners.values()) {
      if (id <= each.position) continue;
      each.position = id;
      if (each.types.has(type)) this.#gather(each, { type, data, id });
    }
  }

  /** Events of a moment go to a tab in one message. */
  #gather(listener, event) {
    listener.waiting.push(event);
    if (listener.waiting.length > 1) return;
    setTimeout(() => {
      const events = listener.waiting.splice(0);
      if (events.length) listener.tell({ kind: "events", events, id: events.at(-1).id });
    }, GATHERING);
  }

  #beginAnew({ last_event_id: id, reason }) {
    this.position = id;
    for (const each of this.listeners.values()) Object.assign(each, { position: id, waiting: [] });
    this.#tellAll({ kind: "anew", reason, id });
  }

  #say(state, since) {
    Object.assign(this, { state, since });
    this.#tellAll(this.#standing());
  }

  #standing() {
    return { kind: "state", state: this.state, since: this.since };
  }

  #tellState(tell) {
    // Who comes while the stream is being opened is told when it is open.
    if (!this.source || this.isConnected) tell(this.#standing());
  }

  #tellAll(message) {
    for (const each of this.listeners.values()) each.tell(message);
  }
}

/** How the ops side stands, asked once for all tabs. */
class Standing {
  constructor(address) {
    Object.assign(this, { address, listeners: new Map(), since: 0 });
    setInterval(() => this.listeners.size && this.#look(), LOOK);
  }

  join(key, tell) {
    this.listeners.set(key, tell);
  }

  async #look() {
    let standing = null;
    try {
      const answer = await fetch(this.address, { cache: "no-store" });
      if (answer.status === 401 || answer.status === 403) return this.#tell({ kind: "alive" }); // the badge says so
      if (answer.ok) standing = await answer.json();
    } catch {
      // no answer is an answer, too
    }
    this.since = standing ? 0 : this.since || now();
    this.#tell({ kind: "standing", standing, since: this.since });
  }

  #tell(message) {
    for (const tell of this.listeners.values()) tell(message);
  }
}

/** The streams and standings of a browser, by address; what a listener posts comes to `take`. */
export class Exchange {
  #hubs = new Map();
  #standings = new Map();

  /** @param tell is called with what the listener is told, which names its key */
  take({ kind, key, address, beat, types, after }, tell) {
    const answer = (message) => tell({ key, ...message });
    if (kind === "watch") this.#at(this.#standings, address, () => new Standing(address)).join(key, answer);
    else if (kind === "join") this.#at(this.#hubs, address, () => new Hub(address, beat)).join(key, { types, after }, answer);
    else if (kind === "again") this.#hubs.get(address)?.again();
    else if (kind === "leave") this.#leave(key);
  }

  #leave(key) {
    for (const hub of this.#hubs.values()) hub.leave(key);
    for (const standing of this.#standings.values()) standing.listeners.delete(key);
  }

  #at(map, address, make) {
    if (!map.has(address)) map.set(address, make());
    return map.get(address);
  }
}
