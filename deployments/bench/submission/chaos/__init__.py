"""The bench `chaos`: submissions under kills, PanDA's faults and double clicks, by seeds."""
