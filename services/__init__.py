"""Use cases. They see the world through ports.py and decide nothing themselves: judgement lives in the domain."""
