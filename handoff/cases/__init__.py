"""Support cases: opened with the turn that asks, changed under two locks, told to whoever must know."""
