"""When things go wrong: a catalogue of misbehaving tasks, and a table of each of them in every call."""
