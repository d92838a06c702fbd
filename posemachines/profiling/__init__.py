"""Cost of machines: time, memory, energy."""
