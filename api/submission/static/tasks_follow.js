// Follows events for a bounded time, from before an action is asked for until its end is told.
// Rules: ops contract section 4.3. Where the stream is silent, a few questions by the clock help.

const STREAM = document.body.dataset.stream;
const CONNECTING = 3000;
const POLL = 10000;
const MOST_POLLS = 30;

export const SUBMISSION = {
  types: [
    "prodtask_submit_progress", "prodtask_submitted", "prodtask_submit_failed",
    "prodtask_submit_unknown", "prodtask_submit_unrecorded",
  ],
  seconds: 310,
};
export const OPERATION = { types: ["panda_task_operation_done"], seconds: 150 };

const badge = document.getElementById("connection");
const badgeWords = document.getElementById("connection-words");
const again = document.getElementById("connection-again");
const following = new Set();
const WORDS = { live: "Live", connecting: "Connecting", refused: "No live stream: looked at every 10 s" };
let stillWords = badgeWords.textContent;
let over = null; // what goes on where the time was over

function say() {
  const states = [...following].map((each) => each.state);
  const state = Object.keys(WORDS).find((each) => states.includes(each)) ?? "still";
  badge.dataset.state = state;
  badgeWords.textContent = WORDS[state] ?? stillWords;
  again.hidden = following.size > 0 || !over;
}

again.addEventListener("click", () => {
  const resume = over;
  over = null;
  resume?.();
});

export class Follower {
  /**
   * @param types message types to follow
   * @param seconds how long, from `begin` or the last `touch`
   * @param onEvent called with (type, payload, id)
   * @param check asks the server how things stand
   * @param resume called when the user wants to go on after the time was over
   */
  constructor({ types, seconds, onEvent, check, resume }) {
    Object.assign(this, { types, seconds, onEvent, check, resume, state: "connecting", polls: 0 });
    addEventListener("pagehide", () => this.close());
  }

  /** Open the stream, from the event `after` on; resolves when it is open, refused, or late. */
  open(after) {
    this.close();
    following.add(this);
    const asked = new URLSearchParams({ msg_types: this.types.join(",") });
    if (after !== undefined) asked.set("after", after);
    const source = new EventSource(`${STREAM}?${String(asked).replaceAll("%2C", ",")}`);
    this.source = source;
    for (const type of this.types) {
      source.addEventListener(type, ({ data, lastEventId }) => {
        if (source === this.source) this.onEvent(type, JSON.parse(data), Number(lastEventId));
      });
    }
    say();
    return new Promise((resolve) => {
      setTimeout(resolve, CONNECTING);
      source.addEventListener("error", () => {
        this.#turn(source, "refused");
        resolve();
      });
      source.addEventListener("connected", () => {
        this.#turn(source, "live");
        resolve();
      });
    });
  }

  /** Ask at once, then every 10 s; the time that remains begins now. */
  begin() {
    this.touch();
    this.check();
    this.timer = setInterval(() => this.#tick(), POLL);
  }

  /** There is news: the time that remains begins again. */
  touch() {
    this.until = Date.now() + 1000 * this.seconds;
    this.polls = 0;
    clearTimeout(this.end);
    this.end = setTimeout(() => this.#timeOut(), 1000 * this.seconds);
  }

  close() {
    clearInterval(this.timer);
    clearTimeout(this.end);
    this.source?.close();
    this.source = undefined;
    this.timer = undefined;
    this.state = "connecting";
    if (following.delete(this)) {
      stillWords = `As of ${new Date().toISOString().slice(0, 19).replace("T", " ")}`;
      say();
    }
  }

  #turn(source, state) {
    if (source !== this.source) return;
    const isBack = state === "live" && this.state === "refused" && this.timer;
    this.state = state;
    say();
    if (isBack) this.check(); // what a proxy let us miss
  }

  #tick() {
    this.polls += 1;
    if (this.polls <= MOST_POLLS) this.check();
  }

  #timeOut() {
    over = this.resume;
    this.close();
    stillWords = "Not followed any more";
    say();
  }
}
