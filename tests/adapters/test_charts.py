"""The cost chart: a PNG that reads on any background, unknown days told apart, words for those who do not see it."""

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from adapters import charts
from adapters.charts import COLOURS, DOTS, FAINT, FRAME, INK, PANEL, REST, MatplotlibCharts, font_for, picture
from blocks.tongue import CHINESE, speaking
from domain.cluster import DaySpend
from domain.costs import CostRow, Costs

DAYS = tuple(f"2026-11-{day}" for day in range(17, 24))
WHITE, SLACK_DARK = "#ffffff", "#1a1d21"


def row(name: str, usd: float, *, days: tuple[str, ...] = DAYS, unknown_s: float = 0.0, idle: float = 0.0) -> CostRow:
    """A cluster that cost that much on each of these days."""
    spent = tuple(DaySpend(day, usd, unknown_s, idle) for day in days)
    return CostRow(f"id{name}", name, "U0ALICE", "", spent, usd * len(days), unknown_s * len(days))


def costs(*rows: CostRow, days: tuple[str, ...] = DAYS) -> Costs:
    """A window of those days with these clusters, the dearest first."""
    ordered = tuple(sorted(rows, key=lambda one: -one.usd))
    sums = [
        DaySpend(
            day,
            sum(one.usd for r in ordered for one in r.days if one.day == day),
            sum(one.unknown_s for r in ordered for one in r.days if one.day == day),
        )
        for day in days
    ]
    return Costs(days[0], days[-1], ordered, tuple(sums), sum(r.usd for r in rows), sum(r.unknown_s for r in rows))


def drawn(found: Costs, locale: str = "en-US") -> Image.Image:
    """The picture as pixels."""
    return Image.open(io.BytesIO(MatplotlibCharts().costs(found, locale)[0]))


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    shares = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """WCAG's ratio, 1 to 21."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def share(image: Image.Image, colour: str) -> float:
    """Which part of the picture has exactly that colour."""
    wanted = tuple(int(colour[n : n + 2], 16) for n in (1, 3, 5))
    pixels = image.convert("RGB").getcolors(1 << 24)
    assert pixels is not None
    return sum(count for count, seen in pixels if seen == wanted) / (image.width * image.height)


def test_text_and_bars_stand_out_from_the_panel() -> None:
    """Text has a contrast of 4.5 and more, bars and the frame of 3 and more, as WCAG 2 AA asks."""
    assert min(contrast(text, PANEL) for text in (INK, FAINT)) >= 4.5
    assert min(contrast(bar, PANEL) for bar in (*COLOURS, REST, FRAME)) >= 3


def test_the_panel_stands_out_in_the_light_and_in_the_dark() -> None:
    """Its frame has a contrast of 3 and more to Slack's white and to its dark theme."""
    assert min(contrast(FRAME, around) for around in (WHITE, SLACK_DARK)) >= 3


def test_the_picture_is_opaque_and_of_its_size() -> None:
    """No pixel lets through what is behind, so that it reads the same in any theme."""
    image = drawn(costs(row("demo", 12.0)))
    assert image.size == (9 * DOTS, 5 * DOTS)
    assert image.mode == "RGB" or image.convert("RGBA").getextrema()[3] == (255, 255)
    assert share(image, PANEL) > 0.5


def test_the_dearest_clusters_have_colours_and_the_rest_is_one() -> None:
    """Six colours, and grey for the seventh to the ninth together; a bar is as high as its dollars."""
    image = drawn(costs(*(row(f"c{n}", 20.0 - n) for n in range(9))))
    shares = [share(image, colour) for colour in (*COLOURS, REST)]
    assert min(shares) > 0.002
    assert shares[:6] == sorted(shares[:6], reverse=True)
    layers = picture(costs(*(row(f"c{n}", 20.0 - n) for n in range(9)))).layers
    assert layers[-1].label == "3 more: $273.00"
    assert sum(layers[-1].usd) == pytest.approx(7 * (14 + 13 + 12))


def test_a_day_with_an_unknown_price_is_hatched() -> None:
    """The same dollars with an unknown hour are another picture: hatched to the top, and named in the legend."""
    known, unknown = drawn(costs(row("demo", 12.0))), drawn(costs(row("demo", 12.0, unknown_s=3600.0)))
    assert share(unknown, PANEL) < share(known, PANEL) - 0.002
    (layer,) = picture(costs(row("demo", 12.0, unknown_s=3600.0))).layers
    assert layer.label == "demo: at least $84.00"
    (nothing_known,) = picture(costs(row("demo", 0.0, unknown_s=3600.0))).layers
    assert nothing_known.label == "demo: unknown"


def test_idle_dollars_are_marked() -> None:
    """What was spent idle is a bright line across the bar of its day, and only where there was some."""
    shown = picture(costs(row("demo", 12.0, idle=4.0), row("other", 6.0, idle=1.0)))
    assert shown.idle == (5.0,) * 7
    assert share(drawn(costs(row("demo", 12.0, idle=4.0))), INK) > share(drawn(costs(row("demo", 12.0))), INK)


def test_two_clusters_of_one_name_are_told_apart() -> None:
    """The id stands behind a name that is there twice."""
    twins = (CostRow("aaa", "demo", "U1", "", (), 3.0, 0.0), CostRow("bbb", "demo", "U1", "", (), 2.0, 0.0))
    labels = [layer.label for layer in picture(costs(*twins)).layers]
    assert labels == ["demo (aaa): $3.00", "demo (bbb): $2.00"]


@pytest.mark.parametrize("days", [1, 31, 90])
def test_any_window_is_drawn(days: int) -> None:
    """One day, a month and a quarter each give a picture with bars."""
    window = tuple(f"2026-{1 + n // 28:02}-{1 + n % 28:02}" for n in range(days))
    assert share(drawn(costs(row("demo", 12.0, days=window), days=window)), COLOURS[0]) > 0.02


def test_nothing_spent_is_said() -> None:
    """An empty window has a picture and words, and no dearest day."""
    png, title, alt = MatplotlibCharts().costs(costs(), "en-US")
    assert png.startswith(b"\x89PNG")
    assert title == "GPU clusters, 2026-11-17 to 2026-11-23: $0.00"
    assert alt.endswith("Nothing was spent.")


def test_the_alt_text_says_what_the_picture_shows() -> None:
    """The sum, each named cluster, the dearest day, and the days that are not known; Slack takes 1000 characters."""
    found = costs(row("demo", 12.0), row("late", 30.0, days=DAYS[-1:], unknown_s=60.0))
    alt = MatplotlibCharts().costs(found, "en-US")[2]
    assert "In all at least $114.00." in alt
    assert "demo: $84.00." in alt
    assert "The dearest day was 2026-11-23 with $42.00." in alt
    assert "A price was unknown on 2026-11-23." in alt
    many = tuple(f"2026-{1 + n // 28:02}-{1 + n % 28:02}" for n in range(300))
    assert len(MatplotlibCharts().costs(costs(row("demo", 1.0, days=many, unknown_s=1.0), days=many), "en")[2]) == 1000


def test_signs_of_formulas_are_only_signs() -> None:
    """A name with dollars, braces and backslashes in it is drawn as it is, and breaks nothing."""
    assert drawn(costs(row(r"$\frac{a}$_^{", 12.0))).size == (9 * DOTS, 5 * DOTS)


def test_a_language_without_a_font_keeps_its_alt_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no font has the letters, English is drawn, and title and alt text stay in the reader's language."""
    asked: list[frozenset[str]] = []

    def latin_only(characters: frozenset[str]) -> str | None:
        asked.append(characters)
        return font_for(frozenset("a")) if max(characters) < "\u3000" else None

    monkeypatch.setattr(charts, "font_for", latin_only)
    monkeypatch.setattr(
        charts,
        "t",
        lambda template, **params: f"图{template.format(**params)}" if spoken() else template.format(**params),
    )
    english = MatplotlibCharts().costs(costs(row("demo", 12.0)), "en-US")
    chinese = MatplotlibCharts().costs(costs(row("demo", 12.0)), "zh-CN")
    assert english[0] == chinese[0]
    assert "图" in chinese[1]
    assert "图" in chinese[2]
    assert [max(characters) >= "\u3000" for characters in asked] == [False, True, False]


def spoken() -> bool:
    """True while Chinese is spoken."""
    from blocks import tongue

    return tongue._LANGUAGE.get() == CHINESE


def test_the_language_of_before_is_spoken_again() -> None:
    """Drawing for an English reader inside a Chinese answer changes nothing of the answer."""
    with speaking(CHINESE):
        MatplotlibCharts().costs(costs(), "en-US")
        assert spoken()


def test_many_threads_draw_at_once() -> None:
    """Eight at once give what one alone gives: there is no state that they share."""
    found = [costs(row("demo", 5.0 + n)) for n in range(4)]
    alone = [MatplotlibCharts().costs(one, "en-US")[0] for one in found]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda n: MatplotlibCharts().costs(found[n % 4], "en-US")[0], range(16)))
    assert all(png == alone[n % 4] for n, png in enumerate(together))


def test_loading_the_adapter_does_not_load_matplotlib() -> None:
    """A process that never draws does not pay for the library."""
    code = "import adapters.charts, sys; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
