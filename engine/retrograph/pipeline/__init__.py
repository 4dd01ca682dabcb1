"""Files in, results out: what is between a face and the library of graphs."""
