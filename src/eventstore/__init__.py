"""The log: the eventsourcing library's application over PostgreSQL, with group commit."""
