"""Tables that tests go through: cases, definitions, kernels, verdicts, exclusions."""
