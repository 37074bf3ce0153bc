"""The use case of examining raygpu itself: every fact is asked for at once, and one that cannot be had stops no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from domain.capacity import Foundation
from domain.diagnosis import judge
from domain.doctor import Facts, Finding, Heard, Unseen
from domain.errors import Denied, Missing, OutsideError, Rejected
from domain.needs import ACTIONS
from domain.observation import Absent
from domain.rules import Rules
from services.ports import AccessEntries, Beats, Capacity, Clusters, Permissions, StoreFacts, Switches, Workspace

T = TypeVar("T")
AT_ONCE = 8  # a part that is down may take its whole timeout; nobody waits for several of them in a row


@dataclass(frozen=True, slots=True)
class Instruments:
    """The ports the doctor looks through."""

    workspace: Workspace
    store: StoreFacts
    beats: Beats
    switches: Switches
    clusters: Clusters
    access: AccessEntries
    permissions: Permissions
    capacity: Capacity


class Doctor:
    """Reads only. `socket_mode`: Slack is to be reached over a socket, not over HTTP."""

    def __init__(self, *, instruments: Instruments, rules: Rules, socket_mode: bool) -> None:
        self._instruments = instruments
        self._rules = rules
        self._socket_mode = socket_mode

    def examine(self) -> tuple[Finding, ...]:
        """Every finding; never raises for a part that is down."""
        return judge(self._facts(), self._rules, socket_mode=self._socket_mode)

    def _facts(self) -> Facts:
        seen = self._instruments
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="doctor") as pool:

            def ask(call: Callable[[], T]) -> Future[T | Unseen]:
                return pool.submit(_read, call)

            scopes, store = ask(seen.workspace.scopes), ask(seen.store.facts)
            beats, freeze, halt = ask(self._heard), ask(seen.switches.freeze), ask(seen.switches.halt)
            principal, denied = ask(seen.access.own_principal), ask(lambda: seen.permissions.denied(ACTIONS))
            owners = ask(self._owners)
            laid = {region: ask(self._foundation(region)) for region in self._rules.regions}
            return Facts(
                scopes=scopes.result(),
                store=store.result(),
                beats=beats.result(),
                principal=principal.result(),
                denied=denied.result(),
                foundations={region: future.result() for region, future in laid.items()},
                owners=owners.result(),
                freeze=freeze.result(),
                halt=halt.result(),
            )

    def _foundation(self, region: str) -> Callable[[], Foundation | Absent]:
        return lambda: self._instruments.capacity.foundation(region)

    def _heard(self) -> Mapping[str, Heard]:
        return {name: Heard(beat.age_s, beat.detail) for name, beat in self._instruments.beats.read().items()}

    def _owners(self) -> frozenset[str]:
        return frozenset(cluster.spec.owner for cluster in self._instruments.clusters.live())


def _read(call: Callable[[], T]) -> T | Unseen:
    """What the call answers, or why it did not."""
    try:
        return call()
    except OutsideError as error:
        return Unseen(error.message, final=isinstance(error, Denied | Missing | Rejected))
