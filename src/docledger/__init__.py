"""The front door: command line, settings, composition root, and what plug-ins import."""
