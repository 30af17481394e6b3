"""How a process is born and ends, and what this machine grants it."""
