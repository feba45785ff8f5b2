"""The PostgreSQL server that docledger starts and stops itself, from a package."""
