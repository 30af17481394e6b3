"""What many tests need: processes seen from outside, scripts, terminals, and what a test may leave behind."""
