"""Our own agents of the testbed, and the runtime that they share."""
