"""The nightly batch: which conversations are due, who does them, what it may cost, and how it stands."""
