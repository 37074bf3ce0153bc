"""Outbound: one outside system per file. Adapters translate and obey; they decide nothing and know nothing of one another."""
