"""`prodops install`: users, directories, settings, roles, databases and units of one machine."""
