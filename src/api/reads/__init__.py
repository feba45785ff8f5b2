"""Reads: the SQL of lists and documents, how fresh they are, and documents as they were."""
