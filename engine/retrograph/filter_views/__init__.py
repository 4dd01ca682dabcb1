"""The weights of a convolution, as they act on what a model is given."""

from retrograph.filter_views.result import Filters, filters
from retrograph.filter_views.weights import FilterWeights, read_weights

__all__ = ["FilterWeights", "Filters", "filters", "read_weights"]
