"""What a machine costs: time, memory, energy."""
