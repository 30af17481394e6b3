"""The command line: arguments in, exit code out. A file per command; click and rich are at home here."""
