"""HTTP itself: connections within limits, bodies, conditions, cursors, and answers to faults."""
