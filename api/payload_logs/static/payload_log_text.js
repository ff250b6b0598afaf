// A line of a log as a terminal would show it: what steers one is carried out or left out.

const STEERS = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/;
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;
const REWRITES = /[\r\x08]|(?:\x1b\[|\x9b)\d*[KG]/;
// Colours and cursor (CSI); titles and links (OSC); device strings; other escapes. Of a title or a
// string without an end only the beginning goes: the rest of the line must not be hidden by it.
const ESCAPE = [
  "(?:\\x1b\\[|\\x9b)[0-?]*[ -/]*[@-~]",
  "(?:\\x1b\\]|\\x9d)[^\\x07\\x1b\\x9c]*(?:\\x07|\\x1b\\\\|\\x9c)",
  "(?:\\x1b[PX^_]|[\\x90\\x98\\x9e\\x9f])[^\\x1b\\x9c]*(?:\\x1b\\\\|\\x9c)",
  "\\x1b[ -/]*[0-~]",
].join("|");
const ESCAPES = new RegExp(ESCAPE, "g");
const PIECES = new RegExp(`${ESCAPE}|[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f]|[^\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f]+`, "g");

/** The text that is left on the screen: errors and search are looked for in it, too. */
export function asShown(raw) {
  const line = raw.replace(/\r+$/, "");
  if (!STEERS.test(line)) return line;
  if (REWRITES.test(line)) return rewritten(line);
  return line.replace(ESCAPES, "").replace(CONTROL, "\ufffd");
}

/** Carry out what writes over what is there: a progress bar, or a letter struck twice for bold. */
function rewritten(line) {
  const cells = [];
  let at = 0;
  for (const [piece] of line.matchAll(PIECES)) {
    if (piece === "\r") at = 0;
    else if (piece === "\b") at = Math.max(0, at - 1);
    else if (/^(?:\x1b\[|\x9b)/.test(piece)) at = steered(cells, at, piece);
    else if (piece.length === 1 && STEERS.test(piece)) cells[at++] = "\ufffd";
    else if (!STEERS.test(piece)) for (const sign of piece) cells[at++] = sign;
  }
  return cells.join("");
}

/** Erase in the line, or go to a column; gives the column. */
function steered(cells, at, sequence) {
  const [, number, letter] = /(\d*)([KG])$/.exec(sequence) ?? [];
  if (letter === "G") return Math.min(cells.length, Math.max(0, Number(number) - 1));
  if (letter !== "K") return at;
  if (Number(number) === 0) cells.length = Math.min(cells.length, at);
  else cells.fill(" ", 0, Number(number) === 1 ? Math.min(cells.length, at + 1) : cells.length);
  return at;
}
