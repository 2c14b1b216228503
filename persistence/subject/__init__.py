"""Everything about one customer: shown, exported, erased. Each storey says for itself what it keeps (``port``)."""
