"""The one door to the policy: every use case asks here before it touches anything, whoever acts and by whatever surface."""

from __future__ import annotations

from dataclasses import replace

from domain import policy
from domain.cluster import Cluster
from domain.errors import Refused
from domain.policy import Act, Verdict, Wanted
from domain.rules import Actor, Rules
from services.ports import Clock, Switches


class Authority:
    """Rules as they stand now, with every switch that somebody has moved."""

    def __init__(self, *, rules: Rules, switches: Switches, clock: Clock) -> None:
        self._rules = rules
        self._switches = switches
        self._clock = clock
        self._installed_at: float | None = None

    def rules(self) -> Rules:
        """The configuration's rules with the brake, the halt of automatic steps, and the end of the shadow."""
        freeze, halt = self._switches.freeze(), self._switches.halt()
        return replace(self._rules, freeze=freeze, halt=halt, shadow_until=self._shadow_until())

    def verdict(self, actor: Actor, act: Act, thing: Cluster | Wanted | None = None) -> Verdict:
        """May this actor do that to this thing now?"""
        return policy.decide(actor, act, thing, self.rules(), self._clock.now())

    def allow(self, actor: Actor, act: Act, thing: Cluster | Wanted | None = None) -> None:
        """Raises Refused, with the reason in words and the field at fault, where the policy says no."""
        verdict = self.verdict(actor, act, thing)
        if not verdict.allowed:
            raise Refused(verdict.reason, verdict.message, verdict.field)

    def _shadow_until(self) -> float:
        """Until then raygpu only says what it would do. When it began never changes, so that is asked once."""
        if self._installed_at is None:
            self._installed_at = self._switches.installed_at(self._clock.now())
        return self._installed_at + self._rules.idle.shadow_s
