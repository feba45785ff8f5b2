"""Executors of the pipeline's stages, and the processes that they run in."""
