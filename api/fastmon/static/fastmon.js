// The live page of fast monitoring: the server's snapshot, then the stream, drawn once per frame.

import { Follower } from "./follow.js";
import { fetchPage, Once, replacePart } from "./live.js";
import { Model, TYPES } from "./fastmon_model.js";
import { Plot } from "./fastmon_plot.js";
import { show, title } from "./fastmon_tables.js";

const MOST_STEPS = 400;
const QUIET = 3000; // after so long without an event, what waited in the inbox has been decided

const parsed = (place, id) => JSON.parse(place.getElementById(id).textContent);

const model = new Model(parsed(document, "snapshot"), parsed(document, "words"));
const plot = new Plot(model);

/** Take the server's numbers for ours: they are exact where events alone cannot tell. */
async function refresh() {
  model.hold();
  try {
    const fresh = await fetchPage(model.lastId, "snapshot");
    model.restore(parsed(fresh, "snapshot"));
    replacePart("slow", fresh);
    plot.touch();
    draw();
  } finally {
    model.release();
  }
}

const resync = new Once(refresh, { delay: 300, rest: 2000 });
let frame = 0;
let quiet = 0;

function draw() {
  frame = 0;
  show(model);
  plot.draw();
  document.title = title(model);
}

new Follower({
  types: TYPES,
  lastId: () => model.lastId,
  refresh: () => resync.ask(0),
  onEvent(type, payload, id) {
    if (model.take(type, payload, id) || model.bins.size > MOST_STEPS) resync.ask();
    plot.touch();
    quiet = performance.now() + QUIET;
    frame ||= requestAnimationFrame(draw);
  },
});

// The clock: rates fall, runs become idle, and the plot moves on though nothing comes.
setInterval(() => {
  if (document.hidden) return;
  if (model.isBusy()) plot.touch();
  draw();
  if (quiet && performance.now() > quiet) {
    quiet = 0;
    resync.ask(0);
  }
}, 1000);

document.addEventListener("visibilitychange", () => document.hidden || resync.ask(0));
