"""The gate through which turns come in, and what puts a conversation into human hands."""
