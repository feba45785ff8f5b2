"""The commands, their arguments and their help; each imports what it does when it runs."""
