// The numbers of the live page: a snapshot of the server, and every event after it counted once.

const NAMES_KEPT = 20000; // of announced and sampled STFs, to know a repeated message by
const CANARY = "canary"; // the namespace of what only tries the chain
const LIFECYCLE = new Set(["run_imminent", "start_run", "pause_run", "resume_run", "end_run"]);

export const TYPES = ["stf_ready", "data_ready", "tf_file_registered", "fastmon_status", "flow_run_state", ...LIFECYCLE];

/** The names of files with the event in which each came first; the oldest are forgotten. */
class Names {
  constructor() {
    this.events = new Map();
  }

  /** Whether the event is the first to tell the name; so it is too when it is counted again. */
  isNew(name, id) {
    const first = this.events.get(name);
    if (first !== undefined) return first === id;
    this.events.set(name, id);
    if (this.events.size > NAMES_KEPT) this.events.delete(this.events.keys().next().value);
    return true;
  }
}

const time = (text) => (text ? Date.parse(text) : 0);

export class Model {
  /** @param words what the server's constants are */
  constructor(snapshot, words) {
    this.words = words;
    this.announced = new Names();
    this.sampled = new Names();
    this.held = null;
    this.restore(snapshot);
  }

  /** Begin again from a snapshot; what was held back and is newer than it is counted then. */
  restore(snapshot) {
    this.lastId = snapshot.last_event_id;
    this.wanted = snapshot.wanted;
    this.ahead = time(snapshot.taken_at) - Date.now();
    this.runs = new Map(snapshot.runs.map((run) => [keyOf(run.namespace, run.run_number), fromServer(run)]));
    this.since = time(snapshot.series.since);
    this.step = snapshot.series.step_seconds;
    this.bins = new Map(snapshot.series.bins.map((bin) => [bin.at, { ...bin }]));
    this.files = snapshot.files.map((file) => ({ ...file, created_at: time(file.created_at) }));
    const held = this.held ?? [];
    this.held = null;
    for (const [type, payload, id] of held) this.take(type, payload, id);
  }

  /** Keep a copy of what comes while a snapshot is on its way: it may be older than that. */
  hold() {
    this.held ??= [];
  }

  /** Forget the copy: no snapshot came. */
  release() {
    this.held = null;
  }

  /** The server's time, in milliseconds. */
  now() {
    return Date.now() + this.ahead;
  }

  /** Count an event; gives whether only the server can tell what it changed. */
  take(type, payload, id) {
    this.held?.push([type, payload, id]);
    if (id <= this.lastId) return false;
    this.lastId = id;
    if (type === "fastmon_status") return true;
    if (type === "flow_run_state") return payload.action === "sample_stfs";
    const run = this.#runOf(payload);
    if (!run) return false;
    const at = time(payload.sent_at) || this.now();
    this.ahead = Math.max(this.ahead, at - Date.now());
    if (LIFECYCLE.has(type)) return this.#live(run, type, at);
    return type === "tf_file_registered" ? this.#file(run, payload, at, id) : this.#announce(run, payload, at, id);
  }

  /** The runs in the order of the server's `place_of`: those that take data, then the last heard. */
  listed() {
    const placed = [...this.runs.values()].map((run) => ({ run, isTaking: this.stateOf(run) === "taking data" }));
    placed.sort((a, b) => b.isTaking - a.isTaking || (a.isTaking ? byNumber(a.run, b.run) : activeAt(b.run) - activeAt(a.run)));
    return placed.slice(0, this.words.runs_shown).map(({ run }) => run);
  }

  /** The run of which something was heard last. */
  current() {
    const heard = [...this.runs.values()].filter(activeAt);
    return heard.reduce((last, run) => (!last || activeAt(run) > activeAt(last) ? run : last), null);
  }

  /** As `state_of` of the server. */
  stateOf(run) {
    if (run.lifecycle === "end_run") return "ended";
    if (run.lifecycle === "pause_run") return "paused";
    if (run.lifecycle === "run_imminent" && !run.announced) return "expected";
    return this.now() - activeAt(run) > 1000 * this.words.quiet_seconds ? "idle" : "taking data";
  }

  /** STFs per second, and whether it is the present rate or the mean over the run. */
  rateOf(run) {
    if (this.stateOf(run) !== "taking data") {
      const seconds = (run.last_seen - run.first_seen) / 1000;
      return { value: seconds > 0 ? (run.announced - 1) / seconds : 0, of: "mean" };
    }
    const begin = this.now() / 1000 - this.words.rate_seconds;
    for (const second of run.recent.keys()) if (second < begin - 1) run.recent.delete(second);
    let stfs = 0;
    for (const [second, number] of run.recent) if (second >= begin) stfs += number;
    return { value: stfs / this.words.rate_seconds, of: "now" };
  }

  /** Whether any run takes data now. */
  isBusy() {
    return [...this.runs.values()].some((run) => this.stateOf(run) === "taking data");
  }

  #runOf(payload) {
    const text = String(payload.run_id ?? payload.run_number ?? "");
    const namespace = payload.namespace ?? "";
    if (!/^\d{1,10}$/.test(text)) return null;
    if (namespace === CANARY && this.wanted.namespace !== CANARY) return null;
    if (this.wanted.run !== null && Number(text) !== this.wanted.run) return null;
    if (this.wanted.namespace !== null && namespace !== this.wanted.namespace) return null;
    const key = keyOf(namespace, Number(text));
    if (!this.runs.has(key)) this.runs.set(key, fromServer({ namespace, run_number: Number(text) }));
    return this.runs.get(key);
  }

  #live(run, type, at) {
    run.lifecycle = type;
    run.lifecycle_at = at;
    return false;
  }

  #announce(run, payload, at, id) {
    if (!payload.filename) return true; // the server looks the run's files up
    if (!this.announced.isNew(`${run.namespace}|${payload.filename}`, id)) return false;
    run.announced += 1;
    seen(run, at);
    const second = Math.floor(at / 1000);
    run.recent.set(second, (run.recent.get(second) ?? 0) + 1);
    this.#bin(at).stfs += 1;
    return false;
  }

  #file(run, payload, at, id) {
    if (this.sampled.isNew(payload.stf_filename, id)) run.sampled += 1;
    run.tfs += 1;
    run.volume_bytes += payload.file_size_bytes ?? 0;
    seen(run, at);
    const bin = this.#bin(at);
    bin.tfs += 1;
    bin.volume_bytes += payload.file_size_bytes ?? 0;
    this.files.unshift({ ...payload, run_number: run.run_number, created_at: at });
    if (this.files.length > 2 * this.words.files_shown) this.files.length = this.words.files_shown;
    return false;
  }

  #bin(at) {
    const begin = Math.floor(at / 1000 / this.step) * this.step;
    if (!this.bins.has(begin)) this.bins.set(begin, { at: begin, stfs: 0, tfs: 0, volume_bytes: 0 });
    return this.bins.get(begin);
  }
}

export const keyOf = (namespace, number) => `${namespace}|${number}`;
const byNumber = (a, b) => b.run_number - a.run_number || (a.namespace < b.namespace ? -1 : 1);
export const activeAt = (run) => Math.max(run.last_seen, run.lifecycle_at);

function seen(run, at) {
  run.first_seen ||= at;
  run.last_seen = Math.max(run.last_seen, at);
}

function fromServer(run) {
  return {
    announced: 0, sampled: 0, tfs: 0, volume_bytes: 0, lifecycle: null, ...run,
    first_seen: time(run.first_seen), last_seen: time(run.last_seen), lifecycle_at: time(run.lifecycle_at),
    recent: new Map((run.recent ?? []).map((second) => [second.at, second.stfs])),
  };
}
