"""One engine per pool: moves inputs and outcomes between callers, the scheduler and the workers."""
