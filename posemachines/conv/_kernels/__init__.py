"""Convolution by Fourier transform, used where it is faster than the direct way."""
