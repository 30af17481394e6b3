"""What runs in the other process: it looks like the parent, takes batches, runs their items, sends outcomes."""
