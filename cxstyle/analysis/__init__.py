"""Measuring: what is on this machine, and whether a run would work on it."""
