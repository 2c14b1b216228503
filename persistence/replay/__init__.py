"""Recorded conversations, sent as if they were happening now.

::

    reader (JSONL, CSV) ─▶ dialogues ─▶ exchanges ─▶ run (order, retries, pace) ─▶ sender (HTTP, in process)
                                                       └─▶ summary

Every id is a function of the file's own ids, so sending the same file again adds nothing: a replay that was
interrupted is resumed by starting it again.
"""
