"""The bench `abuse`: bad requests, messages, files and rows, by every kind of caller."""
