"""An `.onnx` file, read as data."""
