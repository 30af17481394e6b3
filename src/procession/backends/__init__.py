"""Where workers are. What stands above sends them portions and hears news; it never learns which kind they are."""
