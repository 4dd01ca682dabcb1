"""Cotangents passed down a graph, whole or in a unit's windows, and what stands in the way."""
