"""Which pictures of a data set make the channels of a layer fire, and where: one streaming pass.

What it finds is an SQLite file with documented tables (SCAN.md).

>>> from retrograph.scan import Network, Scanner
>>> scan = Scanner(Network("net.onnx", ["relu5"]), ["photos/"]).run("run/")
>>> scan.top("relu5", channel=17)[0].name
"""

from retrograph.scan.batches import Batch
from retrograph.scan.network import Network
from retrograph.scan.read import Channel, Preference, Scan, Unit
from retrograph.scan.scan import Scanner
from retrograph.scan.store import ScannedLayer

__all__ = ["Batch", "Channel", "Network", "Preference", "Scan", "ScannedLayer", "Scanner", "Unit"]
