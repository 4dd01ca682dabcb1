"""Nodes recognised by what they compute: activations, linear layers, squashing, rounding."""
