"""Looks on and never steers: progress, statistics, trace."""
