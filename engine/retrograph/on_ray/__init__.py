"""Scans and explanations on a Ray cluster, over Ray Data (extra `[ray]`).

>>> import ray
>>> from retrograph import on_ray
>>> pictures = ray.data.read_binary_files("s3://bucket/photos/", include_paths=True)
>>> scan = on_ray.scan(pictures, "net.onnx", layers=["relu5"], out="run/", num_gpus=1)
>>> on_ray.explain(pictures, "net.onnx", num_gpus=1).write_parquet("s3://bucket/maps/")
"""

from retrograph.on_ray.explaining import explain
from retrograph.on_ray.scanning import scan, scan_files

__all__ = ["explain", "scan", "scan_files"]
