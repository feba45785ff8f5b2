"""The search store as a read model: what it should hold, how it is filled, how it is checked."""
