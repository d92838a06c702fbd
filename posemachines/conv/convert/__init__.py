"""Conversion of networks: from and to Caffe, and to ONNX."""
