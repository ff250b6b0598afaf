// The list of completion reports: one is asked for, followed, and then stands first.

import { Work } from "./catalog_work.js";

const page = JSON.parse(document.getElementById("page").textContent);

new Work({
  button: document.getElementById("report"),
  caller: page.caller,
  path: page.report,
  type: "completion_report_ready",
  isOurs: ({ action }) => !action || action === "report_completion", // the list may be of all campaigns
  parts: ["standing", "list"],
  ended: ({ ok, error, report_id: key, mailed, mail }) => {
    if (!ok) return `It failed: ${error}`;
    return `Report ${key} was made${mailed || !mail ? "." : `, ${mail}.`}`;
  },
});
