"""What help desks tell us: verified, written down once, and applied to the case in whatever order it comes."""
