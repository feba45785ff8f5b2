"""What each command decides: the events that it leads to, or why it is refused. Pure."""
