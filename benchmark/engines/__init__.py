"""Engines: how the tasks of a run reach the machines that do them."""
