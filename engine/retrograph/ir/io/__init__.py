"""Model files read and written: what is wrong with a file, and what a written one needs to run."""
