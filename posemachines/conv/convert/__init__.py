"""Networks from and to other formats: Caffe and ONNX."""
