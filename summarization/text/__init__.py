"""Words, sentences and stretches of what was said, without a model: pure functions over text, linear in its length."""
