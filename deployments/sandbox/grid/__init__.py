"""The grid of the sandbox: a real Rucio, XRootD's doors, and the double of the external proxy."""
