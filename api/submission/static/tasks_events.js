// What is followed of a submission and of an operation: the types of its events, and for how long.

export const SUBMISSION = {
  types: [
    "prodtask_submit_progress", "prodtask_submitted", "prodtask_submit_failed",
    "prodtask_submit_unknown", "prodtask_submit_unrecorded",
    "prodtask_submit_resolved",
  ],
  seconds: 310,
};
export const OPERATION = { types: ["panda_task_operation_done"], seconds: 150 };
