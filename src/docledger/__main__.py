"""Lets `python -m docledger` do what the command `docledger` does."""

from __future__ import annotations

from docledger.cli import main

if __name__ == "__main__":
    main()
