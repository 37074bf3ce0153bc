"""A local world on the wire: Slack, AWS, Kubernetes, Redis. It changes endpoints and nothing else."""
