"""What keeps raw identifiers out of storage: redaction of text, keyed hashes of session ids.

``redaction``  the seam through which all text passes before it is stored, archived, delivered or logged
``detectors``  one file for each kind of data that is looked for
``hashing``    keyed hashes of session ids and requests, with a versioned secret
``checksums``  the check digits that tell a real number from one that only looks like it
"""
