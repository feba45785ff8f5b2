"""Read models: one pure fold from events to rows, and what keeps the tables at it."""
