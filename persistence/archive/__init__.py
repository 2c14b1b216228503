"""The off-box copy: one immutable object per turn, verified and restorable."""
