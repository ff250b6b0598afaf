// The live page's tables: only what has changed is written, once per frame.

import { activeAt, keyOf } from "./fastmon_model.js";
import { clock, count, rate, share, volume } from "./words.js";

const body = (id) => document.querySelector(`#${id} tbody`);

export function show(model) {
  showRuns(model);
  showCurrent(model);
  showFiles(model);
}

function showRuns(model) {
  const rows = new Map([...body("runs").rows].map((row) => [row.dataset.key, row]));
  const runs = model.listed();
  runs.forEach((run, index) => {
    const key = keyOf(run.namespace, run.run_number);
    const row = rows.get(key) ?? newRunRow(run, key);
    rows.delete(key);
    fill(row, model, run);
    const place = body("runs").rows[index];
    if (place !== row) body("runs").insertBefore(row, place ?? null);
  });
  for (const row of rows.values()) row.remove();
  document.getElementById("no-runs").hidden = runs.length > 0;
}

function newRunRow(run, key) {
  const row = document.getElementById("run-row").content.firstElementChild.cloneNode(true);
  row.dataset.key = key;
  const asked = new URLSearchParams({ namespace: run.namespace || "-", run: run.run_number });
  row.querySelector("a").href = `?${asked}`;
  return row;
}

function showCurrent(model) {
  const run = model.current();
  const panel = document.getElementById("current");
  panel.hidden = !run;
  if (run) fill(panel, model, run);
}

function fill(part, model, run) {
  const now = model.rateOf(run);
  write(part, "run", String(run.run_number));
  write(part, "namespace", run.namespace || "–");
  write(part, "announced", count(run.announced));
  write(part, "sampled", count(run.sampled));
  write(part, "share", share(run.sampled, run.announced));
  write(part, "tfs", count(run.tfs));
  write(part, "volume", volume(run.volume_bytes));
  write(part, "rate", rate(now.value));
  write(part, "rate-of", now.of);
  write(part, "first", clock(run.first_seen));
  write(part, "last", clock(run.last_seen));
  showState(part.querySelector("[data-f=state]"), model.stateOf(run));
}

function showState(place, word) {
  const shown = place.querySelector(".state");
  if (shown?.dataset.state === word) return;
  const [state, dot] = [document.createElement("span"), document.createElement("span")];
  state.className = "state";
  state.dataset.state = word;
  dot.className = "dot";
  dot.ariaHidden = "true";
  state.append(dot, word);
  place.replaceChildren(state);
}

function write(part, field, text) {
  const place = part.querySelector(`[data-f="${field}"]`);
  if (place && place.textContent !== text) place.textContent = text;
}

let newest = null;

function showFiles(model) {
  if (model.files[0] === newest) return;
  [newest] = model.files;
  const fresh = model.files.slice(0, model.words.files_shown).map(fileRow);
  body("files").replaceChildren(...fresh);
  document.getElementById("no-files").hidden = fresh.length > 0;
}

function fileRow(file) {
  const row = document.getElementById("file-row").content.firstElementChild.cloneNode(true);
  const hasFrames = file.tf_first !== null && file.tf_first !== undefined;
  write(row, "tf", file.tf_filename);
  write(row, "run", String(file.run_number));
  write(row, "frames", hasFrames ? `${file.tf_first}–${file.tf_last}` : "–");
  write(row, "size", volume(file.file_size_bytes));
  write(row, "at", clock(file.created_at));
  return row;
}

/** The title of the browser's tab: the current run, for who looks at another one. */
export function title(model) {
  const run = model.current();
  if (!run || !activeAt(run)) return "Fast monitoring · prodops";
  return `${run.run_number} ${model.stateOf(run)} · ${count(run.announced)} STFs`;
}
