"""What assistants may ask of agents, their logs, messages and namespaces."""
