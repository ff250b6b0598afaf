// The strip of every page: how the ops side stands, and whether the server answers.

import { watch } from "./stream.js";
import { clock } from "./words.js";

const strip = document.getElementById("strip");
const words = document.getElementById("strip-words");

watch(({ kind, standing, since }) => {
  if (kind !== "standing") return;
  const text = standing?.text ?? `The server does not answer since ${clock(since).slice(11)}.`;
  strip.dataset.state = standing?.state ?? "away";
  if (words.textContent !== text) words.textContent = text;
});
