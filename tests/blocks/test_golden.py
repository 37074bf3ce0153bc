"""Golden cards: what people see, as files. After a wanted change: `RAYGPU_GOLDEN=write pytest tests/blocks/test_golden.py`,
then read the difference before it is committed."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from card_samples import NOW, in_phase

from blocks import help, listing, modals
from blocks.cards import cluster_card
from domain.cluster import Phase
from domain.request import CreateOptions

GOLDEN = Path(__file__).parent / "golden"
CHOICES = (modals.Choice("g5.xlarge", 1, "a10g", 1.006), modals.Choice("p5.48xlarge", 8, "h100", None))
FORM = modals.Form(
    choices=CHOICES,
    regions=("us-west-2", "eu-west-1"),
    max_nodes=8,
    longest="7 d",
    defaults=CreateOptions(gpu="g5.xlarge", gpus="1", ttl="8h", region="us-west-2", ami="bottlerocket"),
    priced_in="us-west-2",
    key="1.2.abc",
    channel="C0RAYGPU",
)
CARDS = {
    "awaiting_approval": lambda: cluster_card(in_phase(Phase.AWAITING_APPROVAL), NOW + 120),
    "provisioning": lambda: cluster_card(in_phase(Phase.PROVISIONING), NOW + 700),
    "trouble": lambda: cluster_card(in_phase(Phase.TROUBLE), NOW + 1500),
    "ready": lambda: cluster_card(in_phase(Phase.READY), NOW + 1500),
    "deleted": lambda: cluster_card(in_phase(Phase.DELETED), NOW + 9960),
    "create_modal": lambda: modals.create_modal(FORM),
    "list": lambda: listing.cluster_list((in_phase(Phase.READY), in_phase(Phase.TROUBLE)), "all"),
    "help": help.overview,
}


@pytest.mark.parametrize("name", CARDS)
def test_it_looks_as_it_did(name: str) -> None:
    """A card changes only when somebody means it to."""
    made: Any = json.loads(json.dumps(CARDS[name]()))
    path = GOLDEN / f"{name}.json"
    if os.environ.get("RAYGPU_GOLDEN") == "write":
        path.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    assert made == json.loads(path.read_text(encoding="utf-8"))
