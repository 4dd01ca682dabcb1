"""A graph of a fixed number of items opened for any number: each item gives what it gives alone.

Where the items lie in each tensor is known of the fixed graph (ir/analysis/batch_axis). `operators`
rewrites the nodes that hold the number of items in a constant, `operands` what is the same for
every item, `item_axes` finds the axis of each input that counts items, and `opened` does it all.
"""
