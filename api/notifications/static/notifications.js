// The list of notifications. Being told of something is no event: after what may be told, and while
// something waits, the server is asked.

import { LivePage } from "./follow.js";

new LivePage({
  parts: ["live"],
  types: ["flow_run_state", "alarm", "prodtask_submitted", "prodtask_submit_failed", "payload_log_ready", "payload_log_failed"],
  isOpen: () => true,
});

// A summary that is not on this page is looked up.
document.addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="#notification-"]');
  if (!link || document.querySelector(link.hash)) return;
  event.preventDefault();
  location.search = `before=${Number(link.hash.split("-")[1]) + 1}`;
});
