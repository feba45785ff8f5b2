"""Seals: signed Merkle checkpoints of the log, and the proofs made from them."""
