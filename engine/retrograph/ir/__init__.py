"""The ONNX file as retrograph sees it: loaded, brought to one modern form, and emitted."""
