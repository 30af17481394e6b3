"""Decides what is done next. No input or output, no clock, no thread: events come in with the time, actions go out."""
