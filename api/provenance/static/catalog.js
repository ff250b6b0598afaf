// The catalog of a campaign: its arrivals drawn, and a sweep asked for and followed.

import "./search.js";
import { Plot } from "./catalog_plot.js";
import { Work } from "./catalog_work.js";
import { CHANGED } from "./tasks_events.js";
import { count } from "./words.js";

const page = JSON.parse(document.getElementById("page").textContent);
const plot = new Plot();

document.querySelector("#pick select").addEventListener("change", ({ target }) => target.form.requestSubmit());

new Work({
  button: document.getElementById("sweep"),
  caller: page.caller,
  path: page.sweep,
  type: page.isEvgen ? "evgen_rucio_ready" : "campaign_provenance_ready",
  others: page.isEvgen ? ["evgen_registered", CHANGED] : ["rucio_arrivals", "evgen_rucio_ready", CHANGED],
  concerns: (type, { campaign }) => type !== CHANGED || page.isEvgen || campaign === page.campaign,
  isOurs: ({ action, campaign }) => (page.isEvgen ? !action || action === "evgen_rucio_update" : campaign === page.campaign),
  parts: ["standing", "list", "unmatched", "arrivals"],
  onNew: () => plot.touch(),
  ended: ({ ok, error, summary }) => (ok ? `Done. ${words(summary)}` : `It failed: ${error}. What was known stays.`),
});

function words(summary) {
  const { requested, found, complete } = summary ?? {};
  if (found === undefined) return "";
  return `${count(found)} of ${count(requested)} requested paths were found, ${count(complete ?? 0)} of them complete.`;
}
