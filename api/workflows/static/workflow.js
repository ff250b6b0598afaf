// The page of an execution: fetched anew when something of it happened.

import "./ages.js";
import { keepFolds } from "./folds.js";
import { LivePage } from "./follow.js";
import { complain, listenForStops } from "./workflow_stop.js";

const page = JSON.parse(document.getElementById("page").textContent);
const part = () => document.getElementById("live");

const live = new LivePage({
  parts: ["live"],
  types: page.types,
  concerns: (type, payload) => {
    const { execution, run, request } = part().dataset;
    if (type === "flow_run_state") return String(payload.request_id) === request || payload.subject === execution;
    return payload.execution_id === execution || (run && String(payload.run_id) === run);
  },
  isOpen: () => part().dataset.open === "1",
  renew: (fresh) => {
    const complaint = document.getElementById("stop-refused").textContent;
    keepFolds(() => live.replace(fresh));
    complain(complaint);
  },
});

listenForStops(page, () => live.noteAsked());
