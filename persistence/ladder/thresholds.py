"""What a figure must reach to be a reason. One table: whoever doubts a verdict begins here."""

# Over it, a process' own memory cannot be what all of them know.
WEB_PROCESSES = 1
# Ten per cent of the database is worth a second server. Less is not: that server wants care as well.
STATE_SHARE = 0.10
# A cache of pages is more to be wrong about than hot state, and must spare more: a fifth of the database.
HISTORY_SHARE = 0.20
# The user waits for model and write; below a tenth of the model's time nobody can tell that the write was quicker.
WRITE_OF_MODEL = 0.10
# A level is left at half of what it is climbed at: near the threshold nobody is sent up and down by the weather.
LEAVE_AT = 0.5
# At one write a second in the busiest hour session state is not felt, wherever it is kept.
LITTLE_STATE_PER_SECOND = 1.0

# So much must have been seen. A quantile wants its tail filled, and a share some work to be a share of.
ENOUGH_WRITES = 200
ENOUGH_MODEL_TURNS = 100
ENOUGH_READS = 1_000
ENOUGH_DATABASE_SECONDS = 60.0
# Nothing is called needless before most of the window was looked at.
ENOUGH_OF_WINDOW = 0.9
