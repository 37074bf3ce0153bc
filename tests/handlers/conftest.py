"""Lets these tests use the samples and rigs that stand beside other rooms' tests."""

import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "blocks"), str(TESTS / "handlers"), str(TESTS / "domain")]
