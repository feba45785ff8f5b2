"""Checks the log, the read models and the files against each other; repairs what it can."""
