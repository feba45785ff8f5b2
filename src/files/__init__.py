"""Stored files: content by checksum, and the uploads tree that people browse."""
