// The requests' pages: fetched anew, once, when an event tells that some request changed.

import { Live } from "./follow.js";
import { fetchPage, Once, replacePart } from "./live.js";

const part = () => document.getElementById("live");
const SETTLING = 1500; // a request's row may be written a little after its flow run's event

let lastId = Number(part().dataset.eventId);

async function refresh() {
  replacePart("live", await fetchPage(lastId));
  lastId = Math.max(lastId, Number(part().dataset.eventId));
}

const quietly = () => refresh().catch(() => {}); // the stream's badge tells of a lost server
const soon = new Once(quietly, { delay: 150, rest: 1000 });
const settled = new Once(quietly, { delay: SETTLING, rest: 1000 });

new Live({
  types: ["flow_run_state", "fastmon_status"],
  lastId: () => lastId,
  refresh,
  onEvent(_type, payload, id) {
    lastId = Math.max(lastId, id);
    const only = part().dataset.request;
    if (only && payload.request_id && String(payload.request_id) !== only) return;
    soon.ask();
    settled.ask();
  },
});
