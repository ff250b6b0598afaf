"""The routes of data taking: runs, files, slices, and how the runs stand."""
