"""Block Kit: domain in, plain dicts out. No SDK, no clock, no IO; everything not literal goes through text.esc()."""
