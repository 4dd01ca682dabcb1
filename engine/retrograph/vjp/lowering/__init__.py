"""How what rules emit is spelled for a runtime: transposed windows, gates, slices, scatters."""
