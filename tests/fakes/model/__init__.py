"""A language model behind an OpenAI-compatible API: a real server on loopback that answers what a test wants.

``server.FakeModel`` listens, counts and misbehaves on command; ``replies`` has everything that it can say.
"""

from tests.fakes.model.server import FakeModel as FakeModel
