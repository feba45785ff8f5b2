"""Converters of office documents."""
