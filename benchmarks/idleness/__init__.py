"""What `make judge` replays: seeded lives of GPU clusters, what can be seen of them, the decisions, and the score."""
