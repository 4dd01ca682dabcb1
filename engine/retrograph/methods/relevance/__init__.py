"""Layer-wise relevance propagation and its relatives: what each number contributed to the unit."""
