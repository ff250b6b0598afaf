"""`prodops task`: production tasks listed, shown, locked, submitted and followed, over REST."""
