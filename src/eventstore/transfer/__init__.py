"""Takes a log out of one database, as lines of JSON, and into another."""
