// The page of a DID: opening it made the server ask Rucio; the answer is shown when it comes, and so
// is what anybody's later question or a sweep finds.

import { LivePage } from "./follow.js";

const did = JSON.parse(document.getElementById("did").textContent);
const part = () => document.getElementById("live");
const SWEEPS = ["campaign_provenance_ready", "evgen_rucio_ready", "rucio_arrivals", "evgen_registered"];

const page = new LivePage({
  parts: ["live"],
  types: ["rucio_did_ready", ...SWEEPS],
  concerns: (type, { scope, name }) => type !== "rucio_did_ready" || (scope === did.scope && name === did.name),
  isOpen: () => Boolean(part().dataset.request),
  renew: (fresh) => {
    const wasAsked = part().dataset.request;
    page.replace(fresh);
    if (wasAsked && !part().dataset.request) document.getElementById("said").textContent = "Rucio was read.";
  },
});
