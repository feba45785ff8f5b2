"""Builds the read models again beside the live ones, in many processes, and swaps them in."""
