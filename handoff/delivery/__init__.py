"""What help desks and reply webhooks are sent: the outbox handler behind every endpoint, and its layers."""
