"""Making outputs again that an older version of an executor made."""
