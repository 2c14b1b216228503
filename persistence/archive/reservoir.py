"""An even sample of a stream."""

import random


class Reservoir:
    """Keeps an even sample of a stream of unknown length (Vitter's algorithm R)."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._seen = 0
        self.kept: list[str] = []

    def offer(self, items: list[str]) -> None:
        for item in items:
            self._seen += 1
            if len(self.kept) < self._size:
                self.kept.append(item)
            elif (place := random.randrange(self._seen)) < self._size:  # noqa: S311 - not a secret
                self.kept[place] = item
