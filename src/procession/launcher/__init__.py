"""How processes are born, how they end with their parent, and what the host allows."""
