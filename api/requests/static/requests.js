// The requests' pages: what they show is fetched anew when some request, or this one, changed.

import { LivePage } from "./follow.js";

const only = document.getElementById("live").dataset.request;

new LivePage({
  parts: ["live"],
  types: ["flow_run_state", "fastmon_status"],
  concerns: (_type, { request_id: id }) => !only || !id || String(id) === only,
  waits: true,
});
