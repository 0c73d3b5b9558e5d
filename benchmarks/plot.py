"""How is a measured curve drawn without another library? As a small SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 360, 70, 20, 40, 50
COLORS = ("#1a56b0", "#b04a1a", "#3d7a3d", "#7a3d7a")


class Curve(NamedTuple):
    """A name and its points, from left to right."""

    name: str
    points: Sequence[tuple[float, float]]


def draw(title: str, across: str, up: str, curves: Sequence[Curve]) -> str:
    """An SVG of curves over axes that begin at zero."""
    most_x = max(x for curve in curves for x, _ in curve.points)
    most_y = 1.1 * max(y for curve in curves for _, y in curve.points)

    def place(x: float, y: float) -> tuple[float, float]:
        wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
        return round(LEFT + x / most_x * wide, 1), round(HEIGHT - BOTTOM - y / most_y * high, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        _text(WIDTH / 2, 22, title, "middle", 14),
        _text(WIDTH / 2, HEIGHT - 10, across, "middle"),
        f'<g transform="rotate(-90 16 {HEIGHT / 2})">{_text(16, HEIGHT / 2, up, "middle")}</g>',
    ]
    for step in range(5):
        (_, y), (x, _) = place(0, most_y * step / 4), place(most_x * step / 4, 0)
        parts += [
            f'<line x1="{LEFT}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}" stroke="#ddd"/>',
            _text(LEFT - 6, y + 4, f"{most_y * step / 4:.3g}", "end"),
            _text(x, HEIGHT - BOTTOM + 18, f"{most_x * step / 4:.4g}", "middle"),
        ]
    for number, curve in enumerate(curves):
        color = COLORS[number % len(COLORS)]
        dots = [place(x, y) for x, y in curve.points]
        line = " ".join(f"{x},{y}" for x, y in dots)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="3.5" fill="{color}"/>' for x, y in dots]
        parts.append(_text(LEFT + 12, TOP + 14 + 16 * number, curve.name, "start", color=color))
    return "\n".join([*parts, "</svg>\n"])


def _text(x: float, y: float, words: str, anchor: str, size: int = 12, color: str = "#222") -> str:
    placed = f'x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}" fill="{color}"'
    return f"<text {placed}>{escape(words)}</text>"
