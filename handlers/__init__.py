"""Inbound Slack: a listener reads, calls one service and answers. Words in, one use case, one answer out."""
