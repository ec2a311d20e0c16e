"""Fair tuning: the same search, with the same effort, for every method and control."""
