"""The score as the figures of a report, each with its goal; and what a person must see when one is missed."""

from __future__ import annotations

from collections.abc import Sequence

from report import Figure

from idleness.bills import Compared
from idleness.score import Score, percentile

MINUTE = 60.0
LEAST_TRACES = 1000
LEAST_SAVED = 0.95
MOST_MESSAGES = 4.0
MOST_DELAY_MIN = 30.0
MOST_ERROR = 1.0  # percent
SHOWN = 8


def figures(found: Score, least_traces: int = LEAST_TRACES) -> list[Figure]:
    """The whole table."""
    hours = f"{found.hours:,.0f} cluster-hours, {found.looks:,} looks"
    return [
        Figure(
            "cluster-weeks replayed", found.traces, "", hours, f"at least {least_traces}", found.traces >= least_traces
        ),
        _none("actions on busy clusters", found.on_busy, f"{found.steps} steps taken"),
        _none("actions under UNKNOWN", found.on_unknown, f"{found.steps} steps taken"),
        _none("actions without their warnings", found.unwarned, f"{found.steps} steps taken"),
        _none("idle time credited under UNKNOWN", found.unseen, f"{found.looks:,} looks"),
        *_money(found),
        *_times(found),
        *_words(found),
    ]


def cost_error(lives: Sequence[Compared]) -> Figure:
    """The worst receipt of whole lives, as a share of the world's bill."""
    worst = max(lives, key=lambda one: one.error)
    told = "unknown" if worst.told is None else f"${worst.told:.4f}"
    value = round(100 * worst.error, 3)
    against = f"{len(lives)} lives; {worst.name}: {told} told, ${worst.billed:.4f} billed"
    return Figure("cost error", value, "%", against, f"at most {MOST_ERROR:g} %", value <= MOST_ERROR)


def beside(found: Score) -> str:
    """What has no goal: idleness that only people may end (models, notebooks, applications, jobs that hang)."""
    seen = len(found.other_delays)
    late = percentile(found.other_delays, 0.5) / 3600 if seen else 0.0
    return (
        f"only people may end: {seen} of {seen + found.other_never} seen, half of these {late:.1f} h after their window"
    )


def trouble(found: Score) -> list[str]:
    """The traces to look at, the worst first."""
    named = {
        "on a busy cluster": found.on_busy,
        "under UNKNOWN": found.on_unknown,
        "not warned of": found.unwarned,
        "credited unseen": found.unseen,
    }
    lines = [f"{name}: {case}" for name, cases in named.items() for case in cases[:SHOWN]]
    if _share(found) < LEAST_SAVED:
        lines += [f"missed ${usd:.0f}: {where}" for usd, where in sorted(found.missed, reverse=True)[:SHOWN]]
    return lines


def _share(found: Score) -> float:
    return found.saved_usd / found.avoidable_usd if found.avoidable_usd else 0.0


def _none(name: str, cases: list[str], beside: str) -> Figure:
    return Figure(name, len(cases), "", beside, "0", not cases)


def _money(found: Score) -> list[Figure]:
    share = _share(found)
    beside = f"${found.saved_usd:,.0f} of ${found.avoidable_usd:,.0f} an oracle saves"
    return [
        Figure(
            "saved / avoidable dollars", round(share, 4), "", beside, f"at least {LEAST_SAVED}", share >= LEAST_SAVED
        )
    ]


def _times(found: Score) -> list[Figure]:
    usual, late = (percentile(found.delays, share) / MINUTE for share in (0.5, 0.95))
    seen, lasting = len(found.delays), len(found.delays) + found.never
    beside = f"of {seen} lasting idlenesses, from the full window on"
    rate = 1000 * len(found.false_idle) / found.hours if found.hours else 0.0
    times = f"{len(found.false_idle)} times"
    part = seen / lasting if lasting else 0.0
    return [
        Figure(
            "lasting idleness that was seen", round(part, 3), "", f"{seen} of {lasting}", "at least 0.9", part >= 0.9
        ),
        Figure("detection delay p50", round(usual, 1), "min", beside, "at most 10 min", usual <= 10),
        Figure(
            "detection delay p95",
            round(late, 1),
            "min",
            beside,
            f"at most {MOST_DELAY_MIN:g} min",
            late <= MOST_DELAY_MIN,
        ),
        Figure("idleness believed for a full window at work", round(rate, 2), "/1000 h", times, "at most 5", rate <= 5),
    ]


def _words(found: Score) -> list[Figure]:
    mean = found.messages / found.idle_days if found.idle_days else 0.0
    beside = f"{found.messages} messages, {found.idle_days} days with an idle hour, most on one day {found.most_a_day}"
    return [
        Figure(
            "messages per idle-day", round(mean, 2), "", beside, f"at most {MOST_MESSAGES:g}", mean <= MOST_MESSAGES
        ),
        Figure(
            "most messages on one day",
            found.most_a_day,
            "",
            "of one cluster, warnings of its end apart",
            "at most 8",
            found.most_a_day <= 8,
        ),
    ]
