"""What bench/search.py is made of."""
