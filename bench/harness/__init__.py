"""What the benchmarks share: private servers, client processes, loads, and the table at the end."""
