"""The ladder of hot state: what processes measure of themselves, and the level that those figures justify.

``measure`` is called by whatever is worth timing, ``reporter`` takes the figures to Postgres, ``figures`` reads them
back and ``verdict`` judges. ``manage.py ladder`` prints the result.
"""
