// A file of a log, read in parts: whole where it is small, else its two ends, and more on demand.
// Its lines are held as they are shown.

import { asShown } from "./payload_log_text.js";

const WHOLE = 24e6; // bytes up to which a file is read to its end
const PART = 8e6;
const MOST = 96e6; // bytes that are held of one file
const NEWLINE = 10;

/** The server has another version of the log by now. */
export class Outdated extends Error {}

export class LogFile {
  /** @param onLines called with ("head" | "tail", number of lines, whether they come before the others) */
  constructor({ address, size, version, onLines }) {
    Object.assign(this, { address, size, version, onLines, head: [], tail: [], headEnd: 0, tailStart: size });
    this.stopping = new AbortController();
  }

  get isWhole() {
    return this.headEnd >= this.tailStart;
  }

  get held() {
    return this.headEnd + this.size - this.tailStart;
  }

  get canHoldMore() {
    return this.held < MOST;
  }

  stop() {
    this.stopping.abort();
  }

  async load() {
    if (this.size <= WHOLE) return this.#grow(this.size);
    await this.#grow(PART);
    await this.#growBack();
  }

  next() {
    return this.#grow(PART);
  }

  previous() {
    return this.#growBack();
  }

  /** Read on from the head's end; what follows the last line's end is left to the next part. */
  async #grow(length) {
    const [start, end] = [this.headEnd, Math.min(this.headEnd + length, this.tailStart)];
    const decoder = new TextDecoder();
    let [rest, read, lastEnd] = ["", start, start];
    for await (const bytes of this.#bytes(start, end)) {
      const cut = bytes.lastIndexOf(NEWLINE);
      if (cut >= 0) lastEnd = read + cut + 1;
      read += bytes.length;
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = lines.pop();
      this.#add("head", lines);
      this.headEnd = lastEnd;
    }
    // At the end there is no further part, and a line longer than a part is cut.
    if (end < this.tailStart && lastEnd > start) return;
    if (rest) this.#add("head", [rest + decoder.decode()]);
    this.headEnd = end;
  }

  async #growBack() {
    const [start, end] = [Math.max(this.headEnd, this.tailStart - PART), this.tailStart];
    const parts = [];
    for await (const bytes of this.#bytes(start, end)) parts.push(bytes);
    const whole = new Uint8Array(await new Blob(parts).arrayBuffer());
    const isCut = start > this.headEnd;
    const from = isCut ? whole.indexOf(NEWLINE) + 1 : 0;
    const lines = new TextDecoder().decode(whole.subarray(from)).split("\n");
    if (lines.at(-1) === "") lines.pop();
    this.tailStart = start + from;
    this.#add("tail", lines, true);
  }

  async *#bytes(start, end) {
    const asked = new URLSearchParams({ offset: start, length: end - start, version: this.version });
    const answer = await fetch(`${this.address}?${asked}`, { cache: "no-store", signal: this.stopping.signal });
    if (answer.status === 409 || answer.status === 404) throw new Outdated();
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    const reader = answer.body.getReader();
    let length = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      length += value.length;
      yield value;
    }
    if (length !== end - start) throw new Error("the connection broke");
  }

  #add(where, lines, isBefore = false) {
    if (!lines.length) return;
    const clean = lines.map(asShown);
    if (isBefore) this[where] = clean.concat(this[where]);
    else for (const line of clean) this[where].push(line);
    this.onLines(where, lines.length, isBefore);
  }
}
