"""What the measurements share: servers, load, interleaved rounds, medians, and the report."""
