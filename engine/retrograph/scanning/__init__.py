"""Which pictures of a data set make the channels of a layer fire, and where: one streaming pass.

What it finds is an SQLite file with documented tables (SCAN.md).

>>> from retrograph.scanning import ProbeSession, Scanner
>>> scan = Scanner(ProbeSession("net.onnx", ["relu5"]), ["photos/"]).run("run/")
>>> scan.top("relu5", channel=17)[0].name
"""

from retrograph.scanning.probe_session import ProbeSession
from retrograph.scanning.reader import ScanReader
from retrograph.scanning.records import ChannelStats, ClassActivation, ClassPreference, TopUnit
from retrograph.scanning.scanner import Scanner
from retrograph.scanning.store import ScannedLayer

__all__ = [
    "ChannelStats",
    "ClassActivation",
    "ClassPreference",
    "ProbeSession",
    "ScanReader",
    "ScannedLayer",
    "Scanner",
    "TopUnit",
]
