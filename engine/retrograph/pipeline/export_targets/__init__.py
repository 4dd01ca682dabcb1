"""What built graphs are exported to: one object for each kind of server, in one list."""

from retrograph.pipeline.export_targets.base import ExportTarget
from retrograph.pipeline.export_targets.triton import TRITON

TARGETS: dict[str, ExportTarget] = {target.name: target for target in (TRITON,)}
"""By the names that `export` takes."""

__all__ = ["TARGETS", "ExportTarget"]
