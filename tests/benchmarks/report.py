"""Figures as a table, as JSON, and as a picture per measure: medians, with the spread beside them."""

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from tests.benchmarks.measures import Figures

Results = Mapping[str, Mapping[str, Sequence[Figures]]]
"""Measure, contestant, a value per round."""

_ROW, _LEFT, _WIDTH, _BAR = 26, 190, 820, 420
_INK, _FILL, _SPREAD = (30, 30, 30), (70, 130, 180), (20, 60, 100)


def names_of(rounds: Sequence[Figures]) -> list[str]:
    """The figures that these rounds have."""
    return list(dict.fromkeys(name for figures in rounds for name in figures))


def median_and_spread(rounds: Sequence[Figures], figure: str) -> tuple[float, float, float]:
    """Median, least and greatest."""
    values = [figures[figure] for figures in rounds if figure in figures]
    return statistics.median(values), min(values), max(values)


def table(results: Results, base: str = "bare") -> str:
    """Markdown; with the ratio to the bare consumer of the same rounds, where it took part."""
    lines = []
    for measure, contestants in results.items():
        lines += [f"### {measure}", "", "| contestant | figure | median | least to greatest | to bare |"]
        lines += ["| --- | --- | --- | --- | --- |"]
        for contestant, rounds in contestants.items():
            for figure in names_of(rounds):
                median, least, greatest = median_and_spread(rounds, figure)
                ratio = ""
                if base in contestants and any(figure in figures for figures in contestants[base]):
                    ratio = f"{median / median_and_spread(contestants[base], figure)[0]:.2f}"
                lines.append(f"| {contestant} | {figure} | {median:.4g} | {least:.4g} to {greatest:.4g} | {ratio} |")
        lines.append("")
    return "\n".join(lines)


def write(results: Results, folder: Path, about: Mapping[str, object]) -> None:
    """`results.json`, `table.md` and a picture per measure."""
    folder.mkdir(parents=True, exist_ok=True)
    said = {"about": about, "results": results}
    folder.joinpath("results.json").write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    folder.joinpath("table.md").write_text(table(results), encoding="utf-8")
    for measure, contestants in results.items():
        picture(measure, contestants).save(folder / f"{measure.replace(' ', '-')}.png")


def picture(measure: str, contestants: Mapping[str, Sequence[Figures]]) -> Image.Image:
    """Bars of the medians, each figure to its own scale; a line shows the spread."""
    rows = [(figure, name) for figure in _figures(contestants) for name in contestants]
    rows = [(figure, name) for figure, name in rows if any(figure in figures for figures in contestants[name])]
    image = Image.new("RGB", (_WIDTH, _ROW * (len(rows) + 2)), "white")
    draw = ImageDraw.Draw(image)
    draw.text((10, 8), measure, fill=_INK)
    for number, (figure, name) in enumerate(rows, 1):
        top = number * _ROW + 4
        median, least, greatest = median_and_spread(contestants[name], figure)
        most = max(
            median_and_spread(rounds, figure)[2] for rounds in contestants.values() if figure in names_of(rounds)
        )
        scale = _BAR / most if most else 0
        draw.text((10, top + 3), f"{name}: {figure}", fill=_INK)
        draw.rectangle((_LEFT + 60, top, _LEFT + 60 + median * scale, top + 16), fill=_FILL)
        draw.line((_LEFT + 60 + least * scale, top + 8, _LEFT + 60 + greatest * scale, top + 8), fill=_SPREAD, width=3)
        draw.text((_LEFT + 70 + greatest * scale, top + 3), f"{median:.4g}", fill=_INK)
    return image


def _figures(contestants: Mapping[str, Sequence[Figures]]) -> list[str]:
    return list(dict.fromkeys(name for rounds in contestants.values() for name in names_of(rounds)))
