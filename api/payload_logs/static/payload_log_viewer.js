// One file at a time: its tab, its lines, what is searched in it, and what looks like an error.

import { looksBad } from "./payload_log_errors.js";
import { LogFile, Outdated } from "./payload_log_file.js";
import { Lines } from "./payload_log_lines.js";
import { count, volume } from "./words.js";

const LISTED = 200; // errors in the list
const byId = (id) => document.getElementById(id);
const KEYS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/** Something found, in the order of the file: lines by number, with one of them being looked at. */
class Finds {
  constructor(test) {
    Object.assign(this, { test, at: [], current: -1 });
  }

  /** Look through lines `from` up to the end of one side of the file. */
  add(file, where, from) {
    for (let index = from; index < file[where].length; index += 1) {
      if (this.test(file[where][index])) this.at.push({ where, index });
    }
    this.at.sort((a, b) => (a.where === b.where ? a.index - b.index : a.where === "head" ? -1 : 1));
  }

  again(file) {
    this.at = [];
    this.current = -1;
    for (const where of ["head", "tail"]) this.add(file, where, 0);
  }

  step(by) {
    if (!this.at.length) return null;
    const from = this.current < 0 && by < 0 ? 0 : this.current;
    this.current = (from + by + this.at.length) % this.at.length;
    return this.at[this.current];
  }
}

export class Viewer {
  /** @param onOutdated called when the server has another version of the log */
  constructor({ onOutdated }) {
    this.onOutdated = onOutdated;
    this.version = byId("viewer").dataset.version;
    this.tabs = [...document.querySelectorAll("[role=tab]")];
    this.log = byId("log");
    this.#listen();
    const [name, line] = decodeURIComponent(location.hash.slice(1)).split(":");
    const wanted = this.tabs.find((tab) => tab.dataset.name === name) ?? this.tabs[0];
    this.open(wanted, Number(line) || 0);
  }

  get name() {
    return this.tab?.dataset.name ?? "";
  }

  close() {
    this.file?.stop();
    this.lines?.close();
  }

  // ---------------------------------------------------------------- tabs

  /** Show the file of a tab, from `line` on. */
  async open(tab, line = 0) {
    this.close();
    this.tab = tab;
    for (const each of this.tabs) {
      each.ariaSelected = String(each === tab);
      each.tabIndex = each === tab ? 0 : -1;
    }
    const { name, size, address } = tab.dataset;
    this.log.setAttribute("aria-labelledby", tab.id);
    byId("download").href = `${address}?download=1`;
    byId("download").textContent = `Download ${name}`;
    this.errors = new Finds(looksBad);
    this.found = null;
    this.current = null;
    const file = new LogFile({ address, size: Number(size), version: this.version, onLines: (...grown) => this.#grew(file, ...grown) });
    this.file = file;
    this.lines = new Lines({ box: this.log, file, marks: (text, at) => this.#marks(text, at), onMore: (which) => this.#read(file, which) });
    this.#search();
    await this.#read(file, "load");
    if (line && file === this.file) this.#go({ where: "head", index: line - 1 });
  }

  async #read(file, which) {
    this.isReading = true;
    this.#say();
    try {
      await file[which]();
    } catch (error) {
      if (error.name === "AbortError") return;
      if (error instanceof Outdated) return this.onOutdated();
      this.problem = `It could not be read to its end: ${error.message}. Choose its tab again to try once more.`;
    } finally {
      if (file === this.file) this.isReading = false;
    }
    if (file !== this.file) return;
    this.lines.showGap();
    if (file.isWhole && file.tail.length) this.lines.redraw(); // the tail's numbers are known now
    this.#say();
    this.#tellErrors();
    this.#tellFound();
    this.problem = "";
  }

  #grew(file, where, number, isBefore) {
    if (file !== this.file) return;
    this.lines.grew(where, number, isBefore);
    for (const finds of [this.errors, this.found].filter(Boolean)) {
      if (isBefore) finds.again(file);
      else finds.add(file, where, file[where].length - number);
    }
    this.#tellErrors();
    this.#tellFound();
    this.#say();
  }

  #say() {
    const { file } = this;
    const lines = file.head.length + file.tail.length;
    const part = file.isWhole ? `${count(lines)} lines` : `${count(lines)} lines, ${volume(file.held)} of ${volume(file.size)}`;
    let words = this.isReading ? `Reading: ${part}` : part;
    if (!file.size) words = "This file is empty.";
    write(byId("extent"), this.problem ? `${words}. ${this.problem}` : words);
    byId("log").ariaBusy = String(Boolean(this.isReading));
  }

  // ---------------------------------------------------------------- marks

  #marks(text, { where, index }) {
    const isCurrent = this.current?.where === where && this.current.index === index;
    return { bad: looksBad(text), current: isCurrent, pattern: this.pattern };
  }

  #go(at) {
    if (!at) return;
    this.current = at;
    this.lines.redraw();
    this.lines.show(at);
    history.replaceState(history.state, "", `#${encodeURIComponent(this.name)}:${this.lines.number(at)}`);
  }

  // ---------------------------------------------------------------- search

  /** Search what is held of the file, small letters and capitals alike. */
  #search() {
    const text = byId("find").value;
    this.pattern = text ? new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "gi") : null;
    const once = text ? new RegExp(this.pattern.source, "i") : null;
    this.found = once ? new Finds((line) => once.test(line)) : null;
    this.found?.again(this.file);
    this.lines.redraw();
    this.#tellFound();
  }

  #extent() {
    return this.file.isWhole || this.isReading ? "" : " in what is shown";
  }

  #step(by) {
    this.#go(this.found?.step(by));
    this.#tellFound();
  }

  #tellFound() {
    const { at, current } = this.found ?? { at: [], current: -1 };
    const where = this.#extent();
    const lines = at.length === 1 ? "1 line" : `${count(at.length)} lines`;
    const words = current >= 0 ? `${count(current + 1)} of ${lines}${where}` : `${at.length ? lines : "nothing"}${where}`;
    write(byId("found"), this.found ? words : "");
    for (const id of ["find-back", "find-next"]) byId(id).disabled = !at.length;
  }

  // ---------------------------------------------------------------- errors

  #tellErrors() {
    const { at } = this.errors;
    const words = at.length === 1 ? "1 line looks like an error" : `${count(at.length)} lines look like errors`;
    write(byId("errors"), (at.length ? words : "no errors seen") + this.#extent());
    byId("errors").classList.toggle("some", at.length > 0);
    for (const id of ["error-back", "error-next"]) byId(id).disabled = !at.length;
    byId("error-list").hidden = !at.length;
    clearTimeout(this.listing);
    this.listing = setTimeout(() => this.#list(), 100);
  }

  #list() {
    const items = this.errors.at.slice(0, LISTED).map((at) => this.#item(at));
    const more = this.errors.at.length - items.length;
    if (more > 0) items.push(Object.assign(document.createElement("li"), { className: "hint", textContent: `and ${count(more)} more` }));
    byId("error-list")?.querySelector("ol").replaceChildren(...items);
  }

  #item(at) {
    const item = document.createElement("li");
    const button = Object.assign(document.createElement("button"), { type: "button", className: "plain" });
    const number = Object.assign(document.createElement("b"), { textContent: this.lines.number(at) });
    button.append(number, this.file[at.where][at.index].trim().slice(0, 300));
    button.addEventListener("click", () => {
      this.errors.current = this.errors.at.findIndex(({ where, index }) => where === at.where && index === at.index);
      this.#go(at);
      this.log.focus({ preventScroll: true });
    });
    item.append(button);
    return item;
  }

  // ---------------------------------------------------------------- hands

  #listen() {
    this.tabs.forEach((tab) => tab.addEventListener("click", () => this.#choose(tab)));
    document.querySelector("[role=tablist]").addEventListener("keydown", (event) => this.#moveTab(event));
    byId("find").addEventListener("input", () => this.#search());
    byId("find").addEventListener("keydown", (event) => this.#inSearch(event));
    byId("find-next").addEventListener("click", () => this.#step(1));
    byId("find-back").addEventListener("click", () => this.#step(-1));
    byId("error-next").addEventListener("click", () => this.#go(this.errors.step(1)));
    byId("error-back").addEventListener("click", () => this.#go(this.errors.step(-1)));
    byId("wrap").addEventListener("change", ({ target }) => {
      this.log.classList.toggle("wraps", target.checked);
      this.lines.redraw();
      if (this.current) this.lines.show(this.current);
    });
  }

  #choose(tab) {
    history.replaceState(history.state, "", `#${encodeURIComponent(tab.dataset.name)}`);
    this.open(tab);
  }

  #moveTab(event) {
    const last = this.tabs.length - 1;
    const here = this.tabs.indexOf(this.tab);
    const to = { Home: 0, End: last }[event.key] ?? (event.key in KEYS ? (here + KEYS[event.key] + last + 1) % (last + 1) : -1);
    if (to < 0) return;
    event.preventDefault();
    this.tabs[to].focus();
    this.#choose(this.tabs[to]);
  }

  #inSearch(event) {
    if (event.key === "Enter") {
      event.preventDefault();
      this.#step(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape") {
      event.target.value = "";
      this.#search();
      this.log.focus({ preventScroll: true });
    }
  }
}

function write(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}
