"""What every part that speaks to PostgreSQL needs and psycopg lacks."""
