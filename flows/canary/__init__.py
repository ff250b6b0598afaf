"""The canary: a walk through the whole chain by the clock, whose failure is an alarm."""
