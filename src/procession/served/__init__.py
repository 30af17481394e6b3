"""What a manager serves: the process that holds objects for others, and the proxies of those."""
