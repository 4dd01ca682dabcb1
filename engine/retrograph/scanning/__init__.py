"""Which pictures of a data set make the channels of a layer fire, and where: one streaming pass.

What it finds is an SQLite file with documented tables (SCAN.md).

>>> from retrograph.scanning import Network, Scanner
>>> scan = Scanner(Network("net.onnx", ["relu5"]), ["photos/"]).run("run/")
>>> scan.top("relu5", channel=17)[0].name
"""

from retrograph.scanning.batches import Batch
from retrograph.scanning.network import Network
from retrograph.scanning.read import Channel, Preference, Scan, Unit
from retrograph.scanning.scan import Scanner
from retrograph.scanning.store import ScannedLayer

__all__ = ["Batch", "Channel", "Network", "Preference", "Scan", "ScannedLayer", "Scanner", "Unit"]
