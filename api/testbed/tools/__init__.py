"""What assistants may ask of users' testbeds, whose controllers do it on their own hosts."""
