// What the pages of production tasks follow: the types of events after which a task may look different.

export const SUBMISSION = [
  "prodtask_submit_progress", "prodtask_submitted", "prodtask_submit_failed",
  "prodtask_submit_unknown", "prodtask_submit_unrecorded",
  "prodtask_submit_resolved",
];
export const OPERATION = "panda_task_operation_done";
export const CHANGED = "prodtask_changed"; // at PCS; of no one task where it is of several
export const TASK_TYPES = [...SUBMISSION, OPERATION, CHANGED, "flow_run_state"];

const ACTIONS = new Set(["submit_task", "panda_task_operation", "resolve_submission"]);

/** Whether the flow run is of an action that changes a task: one of the task, or of all tasks. */
export function isOfTasks({ action, subject }, name) {
  if (action === "sync_task_states") return true;
  return ACTIONS.has(action) && (name === undefined || subject === name);
}
