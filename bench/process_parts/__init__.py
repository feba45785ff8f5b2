"""What bench/process.py runs beside docledger."""
