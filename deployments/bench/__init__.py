"""The benches: what prodops must reach, measured on a stack of their own (`prodops bench`)."""
