"""Brings documents of other applications into the log: by command, from a file, or by following."""
