"""Commands to users' testbeds: what is asked of the controller that runs a user's agents."""
