"""`prodops doctor`: looks at everything that prodops needs, and says of each what is to be done."""
