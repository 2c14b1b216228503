"""What help desks and webhooks are sent: the outbox handler behind every endpoint, and its layers."""
