"""The comparison of machines on one data set: the machines it knows, the cache of trained ones, the run."""
