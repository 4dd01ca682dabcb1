"""The weights of a convolution, as they act on what a model is given."""

from retrograph.filter_views.weights import Filters, read_filters

__all__ = ["Filters", "read_filters"]
