"""Models made from a graph: truncated, joined, with an objective, with weights drawn anew."""
