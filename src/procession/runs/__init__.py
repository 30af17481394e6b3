"""Durable runs: each item is known by its content, and how it ended stands on disk before anybody hears of it."""
