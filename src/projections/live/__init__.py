"""Keeps the read models at the log while it grows: a batch of events in each transaction."""
