"""Commands to users' testbeds, over REST."""
