"""Redis as hot storage: at most 50 ms of anybody's time, and none while it is out. Nothing here is ever the truth."""
