"""What several processes hold at once: memory without a name, arrays in it, handles on objects in it."""
