"""One module per figure. Each has ``measure(size)``, which returns the lines of the table that it fills.

Adding a figure is: copy a module, and add a line here. They are named by dotted path, because a module can be imported
only once the private servers run and Django knows them.
"""

FIGURES = {
    "record-turn": "bench.figures.record_turn.measure",
    "growth": "bench.figures.growth.measure",
    "post-turns": "bench.figures.post_turns.measure",
    "lag": "bench.figures.lag.measure",
    "drain-null": "bench.figures.drain_null.measure",
    "drain-files": "bench.figures.drain_files.measure",
    "drain-s3": "bench.figures.drain_s3.measure",
    "claim-backlog": "bench.figures.claim_backlog.measure",
    "claim-snapshot": "bench.figures.claim_snapshot.measure",
    "settle-wait": "bench.figures.settle_wait.measure",
    "console": "bench.figures.console.measure",
    "cases": "bench.figures.cases.measure",
    "memory": "bench.figures.memory.measure",
    "session-state": "bench.figures.session_state.measure",
    "state-events": "bench.figures.state_events.measure",
    "turn-with-redis": "bench.figures.turn_with_redis.measure",
    "redis-frozen": "bench.figures.redis_frozen.measure",
    "history-cache": "bench.figures.history_cache.measure",
    "write-behind": "bench.figures.write_behind.measure",
    "summaries": "bench.figures.summaries.measure",
    "summaries-speed": "bench.figures.summaries_speed.measure",
    "summaries-memory": "bench.figures.summaries_memory.measure",
    "planner-index": "bench.figures.planner_index.measure",
}
