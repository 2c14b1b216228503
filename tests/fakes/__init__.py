"""Far ends of our own that check what they are given and fail on command."""
