"""What is true and what follows from it. Pure: the standard library only, no clock, no IO."""
