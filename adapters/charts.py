"""The cost chart: bars by day for the dearest clusters and the rest, as a PNG that reads on light and dark screens.

matplotlib is slow to load and is loaded at the first drawing. A Figure of its own for each drawing: no pyplot, no
global state, any thread.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blocks.text import cut, usd
from blocks.tongue import ENGLISH, language_of, speaking, t
from domain.costs import CostRow, Costs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties

# An opaque dark panel with a frame that stands out from Slack's white and from its dark theme's #1a1d21 alike.
PANEL, FRAME, INK, FAINT = "#22272e", "#808b97", "#f0f3f6", "#c3cad2"
# Okabe and Ito's colours, which people with any colour vision can tell apart; grey is what is left over.
COLOURS = ("#56b4e9", "#e69f00", "#1fb58a", "#f0e442", "#e0703a", "#d48ab5")
REST = "#98a2ad"
WIDTH_IN, HEIGHT_IN, DOTS = 9.0, 5.0, 160
WIDE = 0.74
WHOLE_FROM_USD = 100
LEGEND_COLUMNS = 2
FEWEST_PLACES = 5  # one day alone is still a bar and no wall
MOST_LABELS = 16  # days that can be named, and figures that can stand, below and above the bars
LONGEST_NAME = 28
MOST_ALT = 1000  # what Slack takes as alt_txt
NO_FONT = "Last Resort"  # it has every character, as an empty box


@dataclass(frozen=True, slots=True)
class Layer:
    """One cluster, or the rest: what it cost on each day of the window."""

    label: str
    colour: str
    usd: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """What is drawn. `unknown`: the days on which a price was unknown for a while; `idle`: what was spent idle."""

    title: str
    axis: str
    days: tuple[str, ...]
    layers: tuple[Layer, ...]
    unknown: tuple[bool, ...]
    unknown_label: str
    idle: tuple[float, ...]
    idle_label: str
    nothing: str

    @property
    def totals(self) -> tuple[float, ...]:
        """USD of each day."""
        return tuple(sum(layer.usd[n] for layer in self.layers) for n in range(len(self.days)))

    @property
    def words(self) -> frozenset[str]:
        """Every character that stands in the picture."""
        texts = (self.title, self.axis, self.unknown_label, self.idle_label, self.nothing)
        return frozenset("".join((*texts, *(layer.label for layer in self.layers), "$0123456789.,-≥?")))


@dataclass(frozen=True, slots=True)
class Pen:
    """Writes with one font file; None: the one that matplotlib brings."""

    path: str | None

    def sized(self, points: float) -> FontProperties:
        """The font in that size."""
        from matplotlib.font_manager import FontProperties

        return FontProperties(fname=self.path, size=points)


class MatplotlibCharts:
    """Drawings: implements services.ports.Charts."""

    def costs(self, found: Costs, locale: str) -> tuple[bytes, str, str]:
        """(PNG, title, alt text). Where no font of this machine has the reader's letters the picture is in English; the
        title and the alt text are in the reader's language all the same."""
        with speaking(language_of(locale)):
            drawn, alt = picture(found), alt_text(found)
        title, font = drawn.title, font_for(drawn.words)
        if font is None:
            with speaking(ENGLISH):
                drawn = picture(found)
            font = font_for(drawn.words)
        return _png(drawn, Pen(font)), title, alt


def picture(found: Costs) -> Picture:
    """What is drawn, in the language that is spoken."""
    days = tuple(day.day for day in found.days)
    named, others = found.rows[: len(COLOURS)], found.rows[len(COLOURS) :]
    layers = [Layer(_label(row, found), COLOURS[n], _by_day((row,), days)) for n, row in enumerate(named)]
    if others:
        sum_ = _sum(sum(row.usd for row in others), sum(row.unknown_s for row in others))
        label = t("{number} more: {sum}", number=len(others), sum=sum_)
        layers.append(Layer(label, REST, _by_day(others, days)))
    idle = dict.fromkeys(days, 0.0)
    for row in found.rows:
        for spent in row.days:
            idle[spent.day] = idle.get(spent.day, 0.0) + spent.idle_usd
    return Picture(
        title=_title(found),
        axis=t("USD a day (UTC)"),
        days=days,
        layers=tuple(layers),
        unknown=tuple(day.unknown_s > 0 for day in found.days),
        unknown_label=t("a price was unknown: more was spent than the bar shows"),
        idle=tuple(idle[day] for day in days),
        idle_label=t("spent while idle, by all of them"),
        nothing=t("Nothing was spent."),
    )


def alt_text(found: Costs) -> str:
    """The picture in words, for those who do not see it, in the language that is spoken."""
    parts = [t("Bars by day, {first} to {last}.", first=found.first_day, last=found.last_day)]
    parts.append(t("In all {sum}.", sum=_sum(found.usd, found.unknown_s)) if found.rows else t("Nothing was spent."))
    parts += [f"{_label(row, found)}." for row in found.rows[: len(COLOURS)]]
    dearest = max(found.days, key=lambda day: day.usd, default=None)
    if dearest is not None and dearest.usd > 0:
        parts.append(t("The dearest day was {day} with {usd}.", day=dearest.day, usd=usd(dearest.usd)))
    unknown = [day.day for day in found.days if day.unknown_s > 0]
    if unknown:
        parts.append(t("A price was unknown on {days}.", days=", ".join(unknown)))
    return cut(" ".join(parts), MOST_ALT)


def font_for(characters: frozenset[str]) -> str | None:
    """The file of a font of this machine that has them all, the plainest first; None where there is none."""
    from matplotlib import font_manager as fonts
    from matplotlib.ft2font import FT2Font

    wanted = {ord(char) for char in characters if not char.isspace()}
    usual = fonts.findfont("DejaVu Sans")
    upright = {one.fname for one in fonts.fontManager.ttflist if one.style == "normal" and NO_FONT not in one.name}
    plainest = sorted(upright, key=lambda path: ("Sans" not in path, "Bold" in path, path))
    return next((path for path in (usual, *plainest) if wanted <= FT2Font(path).get_charmap().keys()), None)


def _title(found: Costs) -> str:
    spent = _sum(found.usd, found.unknown_s)
    if found.first_day == found.last_day:
        return t("GPU clusters, {day}: {sum}", day=found.last_day, sum=spent)
    return t("GPU clusters, {first} to {last}: {sum}", first=found.first_day, last=found.last_day, sum=spent)


def _label(row: CostRow, found: Costs) -> str:
    """Its name and its sum; its id as well where another cluster of the window has the same name."""
    is_twice = sum(other.name == row.name for other in found.rows) > 1
    name = cut(row.name, LONGEST_NAME) + (f" ({row.id})" if is_twice else "")
    return f"{name}: {_sum(row.usd, row.unknown_s)}"


def _sum(amount: float, unknown_s: float) -> str:
    if not unknown_s:
        return usd(amount)
    return t("at least {usd}", usd=usd(amount)) if amount else t("unknown")


def _by_day(rows: Sequence[CostRow], days: Sequence[str]) -> tuple[float, ...]:
    sums = dict.fromkeys(days, 0.0)
    for row in rows:
        for spent in row.days:
            if spent.day in sums:
                sums[spent.day] += spent.usd
    return tuple(sums.values())


def _png(drawn: Picture, pen: Pen) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), dpi=DOTS, facecolor=PANEL, edgecolor=FRAME, linewidth=4)
    FigureCanvasAgg(figure)
    lines = -(-(len(drawn.layers) + any(drawn.unknown) + any(drawn.idle)) // LEGEND_COLUMNS)
    foot = 0.115 + 0.046 * lines
    axes = figure.add_axes((0.09, foot, 0.88, 0.83 - foot), facecolor=PANEL)
    _scales(axes, drawn, pen)
    if any(drawn.totals) or any(drawn.unknown):
        _bars(axes, drawn)
        _marks(axes, drawn)
        _figures(axes, drawn, pen)
        _legend(figure, axes, pen)
    else:
        middle: dict[str, Any] = {"ha": "center", "va": "center", "transform": axes.transAxes}
        axes.text(0.5, 0.5, drawn.nothing, color=INK, font=pen.sized(14), **middle)
    figure.text(0.02, 0.925, drawn.title, color=INK, font=pen.sized(14), parse_math=False)
    out = io.BytesIO()
    figure.savefig(out, format="png", facecolor=PANEL, edgecolor=FRAME)
    return out.getvalue()


def _scales(axes: Axes, drawn: Picture, pen: Pen) -> None:
    """Dollars on the left, days below, no more of them than can be read; quiet lines behind the bars."""
    from matplotlib.ticker import FuncFormatter

    step = -(-len(drawn.days) // MOST_LABELS)
    shown = range(len(drawn.days) - 1, -1, -step)
    axes.set_xticks(list(shown), [drawn.days[n][5:] for n in shown])
    spare = max(0, FEWEST_PLACES - len(drawn.days)) / 2
    axes.set_xlim(-0.6 - spare, len(drawn.days) - 0.4 + spare)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda amount, _: rf"\${amount:,g}"))
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_fontproperties(pen.sized(11))
    axes.tick_params(colors=FAINT, length=0, pad=6)
    axes.set_axisbelow(True)
    axes.grid(axis="y", color=FAINT, alpha=0.25, lw=0.8)
    axes.spines[:].set_visible(False)
    axes.spines["bottom"].set(visible=True, color=FAINT, alpha=0.6)
    axes.set_title(drawn.axis, loc="left", color=FAINT, font=pen.sized(10.5), pad=8)


def _bars(axes: Axes, drawn: Picture) -> None:
    """The layers upon one another, the dearest below."""
    places, base = range(len(drawn.days)), [0.0] * len(drawn.days)
    for layer in drawn.layers:
        axes.bar(places, layer.usd, WIDE, bottom=base, color=layer.colour, edgecolor=PANEL, lw=0.6, label=layer.label)
        base = [low + more for low, more in zip(base, layer.usd, strict=True)]
    axes.set_ylim(0, max(base) * 1.16 or 1.0)


def _marks(axes: Axes, drawn: Picture) -> None:
    """Hatched to the top where nobody knows how high the bar ought to be; a bright line where its idle part ends."""
    top, totals = axes.get_ylim()[1], drawn.totals
    gaps = [n for n, is_unknown in enumerate(drawn.unknown) if is_unknown]
    if gaps:
        low, high = [totals[n] for n in gaps], [top - totals[n] for n in gaps]
        look: dict[str, Any] = {"color": "none", "edgecolor": FAINT, "lw": 0.0, "hatch": "///"}
        for bar in axes.bar(gaps, high, WIDE, bottom=low, label=drawn.unknown_label, **look):
            bar.set_hatch_linewidth(0.8)
    idle = [n for n, amount in enumerate(drawn.idle) if amount > 0]
    if idle:
        heights = [drawn.idle[n] for n in idle]
        ends = [n - WIDE / 2 for n in idle], [n + WIDE / 2 for n in idle]
        axes.hlines(heights, *ends, colors=PANEL, lw=5)
        axes.hlines(heights, *ends, colors=INK, lw=2.4, label=drawn.idle_label)


def _figures(axes: Axes, drawn: Picture, pen: Pen) -> None:
    """What each day cost, above its bar, where there is room for it."""
    if len(drawn.days) > MOST_LABELS:
        return
    for n, amount in enumerate(drawn.totals):
        if amount > 0 or drawn.unknown[n]:
            known = f"${amount:,.2f}" if amount < WHOLE_FROM_USD else f"${amount:,.0f}"
            text = (f"≥ {known}" if amount > 0 else "?") if drawn.unknown[n] else known
            note = axes.annotate(text, (n, amount), (0, 5), textcoords="offset points", ha="center", color=INK)
            note.set(fontproperties=pen.sized(10), parse_math=False)
            note.set_bbox({"facecolor": PANEL, "edgecolor": "none", "pad": 1.2})


def _legend(figure: Figure, axes: Axes, pen: Pen) -> None:
    handles, labels = axes.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda n: hasattr(handles[n], "get_segments"))  # the line comes last
    key = figure.legend(
        [handles[n] for n in order],
        [labels[n] for n in order],
        loc="lower left",
        bbox_to_anchor=(0.012, 0.015),
        ncols=LEGEND_COLUMNS,
        frameon=False,
        labelcolor=INK,
        prop=pen.sized(10.5),
        columnspacing=1.6,
        handlelength=1.4,
    )
    for label in key.get_texts():
        label.set_parse_math(False)
