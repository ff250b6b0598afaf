"""The bench `chaos`: submissions under kills, PanDA's faults and double clicks, each seed a plan."""
