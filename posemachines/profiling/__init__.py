"""What a machine costs: time, memory, energy."""

from .cost import Cost, machine_description, measure_inference, measured, versions

__all__ = ["Cost", "machine_description", "measure_inference", "measured", "versions"]
