"""Plain values that every floor may know: tasks, outcomes, errors. Nothing here waits or touches the system."""
