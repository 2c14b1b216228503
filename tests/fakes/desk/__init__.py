"""Help desks that are real servers on loopback, keep what they were given, and misbehave on command.

``base.FakeDesk`` listens, records and commits faults; a file per desk gives it the shape of that desk's API.
"""
