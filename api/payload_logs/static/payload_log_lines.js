// The lines of a file on the screen: only what is near the visible part is in the document.

import { count, volume } from "./words.js";

const BLOCK = 200; // lines
const LINE_HEIGHT = 19; // pixels, as the style says
const LONGEST = 5000; // characters of a line that are shown

export class Lines {
  /**
   * @param box the scrolling element
   * @param file the LogFile whose lines are shown
   * @param marks gives what is special about a line: {bad, current, pattern}
   */
  constructor({ box, file, marks, onMore }) {
    Object.assign(this, { box, file, marks, onMore, blocks: { head: [], tail: [] }, shown: new Set() });
    this.areas = { head: document.createElement("div"), tail: document.createElement("div") };
    this.gap = document.createElement("div");
    this.gap.className = "gap";
    this.gap.hidden = true;
    box.replaceChildren(this.areas.head, this.gap, this.areas.tail);
    box.scrollTop = 0;
    this.watcher = new IntersectionObserver((seen) => seen.forEach((each) => this.#turn(each)), {
      root: box,
      rootMargin: "1500px 0px",
    });
  }

  close() {
    this.watcher.disconnect();
    this.shown.clear();
  }

  /** There are more lines. */
  grew(where, _number, isBefore) {
    if (isBefore) this.#restart(where);
    const blocks = this.blocks[where];
    const lines = this.file[where];
    if (blocks.length) this.#size(blocks.at(-1));
    while (blocks.length * BLOCK < lines.length) this.#append(where, blocks.length * BLOCK);
    this.showGap();
  }

  /** Say what lies between the two ends, and offer to read it. */
  showGap() {
    const { file, gap } = this;
    gap.hidden = file.isWhole || !file.tail.length;
    if (gap.hidden) return;
    const words = document.createElement("span");
    words.textContent = `${volume(file.tailStart - file.headEnd)} between these two ends are not shown; the lines below are numbered from the end.`;
    const rest = file.canHoldMore
      ? [this.#more("Show what follows", "next"), this.#more("Show what comes before", "previous")]
      : ["To see more of it, download the file."];
    gap.replaceChildren(words, ...rest);
  }

  #more(text, which) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "quiet small", textContent: text });
    button.addEventListener("click", () => this.onMore(which));
    return button;
  }

  /** Bring a line into view; it is drawn at once. */
  show({ where, index }) {
    const block = this.blocks[where][Math.floor(index / BLOCK)];
    if (!block) return;
    this.#fill(block);
    const { box } = this;
    const line = block.element.children[index % BLOCK];
    const { top, height } = line.getBoundingClientRect();
    box.scrollTop += top - box.getBoundingClientRect().top - (box.clientHeight - height) / 2;
    (line.querySelector("mark") ?? box).scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** Draw anew what is drawn: the marks have changed. */
  redraw() {
    for (const block of this.shown) this.#fill(block);
  }

  /** The number of a line; negative, from the end, as long as it is not known. */
  number({ where, index }) {
    const { head, tail, isWhole } = this.file;
    if (where === "head") return index + 1;
    return isWhole ? head.length + index + 1 : index - tail.length;
  }

  #restart(where) {
    for (const block of this.blocks[where]) {
      this.watcher.unobserve(block.element);
      this.shown.delete(block);
    }
    this.blocks[where] = [];
    this.areas[where].replaceChildren();
  }

  #append(where, start) {
    const element = document.createElement("div");
    element.className = "block";
    const block = { where, start, element };
    element.block = block;
    this.blocks[where].push(block);
    this.areas[where].append(element);
    this.#size(block);
    this.watcher.observe(element);
  }

  /** Keep the room of a block that is not drawn; one that is drawn is drawn anew. */
  #size(block) {
    if (this.shown.has(block)) this.#fill(block);
    else block.element.style.height = `${this.#lengthOf(block) * LINE_HEIGHT}px`;
  }

  #lengthOf({ where, start }) {
    return Math.min(BLOCK, this.file[where].length - start);
  }

  #turn({ target, isIntersecting, boundingClientRect }) {
    const { block } = target;
    if (isIntersecting) {
      if (!this.shown.has(block)) this.#fill(block);
    } else if (this.shown.delete(block)) {
      target.style.height = `${boundingClientRect.height}px`;
      target.replaceChildren();
    }
  }

  #fill(block) {
    const { where, start, element } = block;
    const lines = this.file[where];
    const drawn = [];
    for (let index = start; index < start + this.#lengthOf(block); index += 1) {
      drawn.push(this.#draw(lines[index], { where, index }));
    }
    element.replaceChildren(...drawn);
    element.style.height = "";
    this.shown.add(block);
  }

  #draw(text, at) {
    const line = document.createElement("div");
    const { bad, current, pattern } = this.marks(text, at);
    line.className = `line${bad ? " bad" : ""}${current ? " current" : ""}`;
    line.dataset.n = this.number(at);
    const shown = text.slice(0, LONGEST);
    if (pattern) line.append(...marked(shown, pattern));
    else line.textContent = shown;
    if (text.length > LONGEST) {
      const cut = Object.assign(document.createElement("span"), { className: "cut" });
      cut.textContent = ` … ${count(text.length - LONGEST)} more characters`;
      line.append(cut);
    }
    return line;
  }
}

function* marked(text, pattern) {
  let end = 0;
  for (const found of text.matchAll(pattern)) {
    if (!found[0]) return;
    if (found.index > end) yield text.slice(end, found.index);
    yield Object.assign(document.createElement("mark"), { textContent: found[0] });
    end = found.index + found[0].length;
  }
  if (end < text.length) yield text.slice(end);
}
