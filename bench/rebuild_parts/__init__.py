"""What bench/rebuild.py measures with: a log, the floor, the library's runner, somebody at work."""
