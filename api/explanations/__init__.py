"""What failed, at which step, why, and what to do: of a task, a request or a job, in one answer."""
