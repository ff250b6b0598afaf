"""What a fetch of a payload log does, one effect each, and the tidying of the cache."""
