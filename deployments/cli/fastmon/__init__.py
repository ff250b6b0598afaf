"""`prodops fastmon` and `prodops daq`: the client of the fast monitoring, and a simulated DAQ."""
