"""Convolution by Fast Fourier Transform (FFT), used where it is faster than the direct convolution.

Set the environment variable ``POSEMACHINES_KERNELS=0`` before posemachines is imported to use the direct convolution
everywhere.
"""

import os

ENABLED = os.environ.get("POSEMACHINES_KERNELS") != "0"
