"""What the admin shows of a payload: that something was said, not what."""

from outbox.adminkit.show import veiled


def test_texts_are_told_by_their_length_and_ids_and_times_as_they_are():
    payload = {
        "case_id": "c-1",
        "created_at": "2026-11-21",
        "text": "my secret",
        "paid": "yes",
        "seq": 3,
        "transcript": {"inline": [{"role": "user", "text": "hello"}], "turn_ids": ["a", "b"]},
    }
    assert veiled(payload) == {
        "case_id": "c-1",
        "created_at": "2026-11-21",
        "text": "(9 characters)",
        "paid": "(3 characters)",
        "seq": 3,
        "transcript": {
            "inline": [{"role": "(4 characters)", "text": "(5 characters)"}],
            "turn_ids": ["a", "b"],
        },
    }
