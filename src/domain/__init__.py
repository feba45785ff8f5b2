"""The heart: what may happen to a document, decided without I/O, clock or environment."""
