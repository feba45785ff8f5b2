"""Imported by the fork server after the executors: what each child would load again by itself."""

from __future__ import annotations

from stages.tokens import count_tokens

count_tokens("")
