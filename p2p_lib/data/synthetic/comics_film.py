"""A procedural cartoon film, drawn as cheaply as television draws: few pictures, held, panned over, eyes that blink.

What a scene detector and a filter of near-identical frames meet in real cartoons is in it, and the truth is known: hard cuts
between shots, a shot that comes back (shot, reverse shot), frames held for two or three pictures, slow pans and zooms.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from p2p_lib.data.synthetic.comics import draw_palette, drawn, face_box, scene
from p2p_lib.data.synthetic.comics_shapes import Shape, View

WORLD = 1.16  # width of a scene, a little beyond the unit square


@dataclass(frozen=True)
class Film:
    """Frames, drawn when asked for: ``for frame in film(0): ...`` gives uint8 (height, width, 3) each."""

    seeds: tuple[int, ...]  # of the scenes of its takes, in order
    takes: tuple[int, ...]  # for every frame the number of its take; takes are joined by cuts
    height: int
    width: int

    @property
    def shots(self) -> tuple[int, ...]:
        """For every frame the number of its scene; a scene that comes back has its first number again."""
        return tuple(self.seeds.index(self.seeds[take]) for take in self.takes)

    @property
    def cuts(self) -> tuple[int, ...]:
        """The numbers of the frames that begin a new take, without frame 0."""
        return tuple(index for index in range(1, len(self)) if self.takes[index] != self.takes[index - 1])

    def __len__(self) -> int:
        return len(self.takes)

    def __iter__(self) -> Iterator[np.ndarray]:
        for take, seed in enumerate(self.seeds):
            yield from _take(seed, take, self.takes.count(take), self.height, self.width)


def film(seed: int, size: int = 144, shots: int = 6, frames: int = 24) -> Film:
    """A film of `shots` takes of about `frames` frames each, `size` pixels high, 16:9; the third take returns to the first."""
    rng = np.random.default_rng(seed)
    seeds = rng.choice(2**31, shots, replace=False).tolist()
    if shots > 2:
        seeds[2] = seeds[0]
    lengths = rng.integers(max(1, round(0.75 * frames)), round(1.25 * frames) + 1, shots)
    return Film(tuple(seeds), tuple(np.repeat(np.arange(shots), lengths).tolist()), size, 2 * round(8 * size / 9))


def _take(seed: int, take: int, count: int, height: int, width: int) -> Iterator[np.ndarray]:
    """The frames of one take: a slow move of the camera in steps of two or three frames, a blink now and then."""
    plan, colors = np.random.SeedSequence(seed).spawn(2)
    palette, rng = draw_palette(np.random.default_rng(colors)), np.random.default_rng((seed, take))
    eyes = [_cel(plan, shut=False), _cel(plan, shut=True)]
    hold, blink = int(rng.integers(2, 4)), int(rng.integers(2, 6))
    start = np.array((0.5, face_box(eyes[0])[:, 1].mean() - 0.01, 1.0)) + rng.normal(0, (0.01, 0.01, 0.02))  # x, y, zoom
    move = rng.uniform(-1, 1, 3) * (0.025, 0.02, 0.05) * (rng.random() < 0.7)
    for index in range(count):
        step = index // hold
        if index % hold == 0:
            x, y, zoom = start + move * step * hold / count
            scale = float(width / WORLD * max(1.06, zoom))
            view = View(height, width, scale, float(x) - width / scale / 2, float(y) - height / scale / 2)
            picture = drawn(eyes[step % 6 == blink], palette, view)[1]
        yield picture


def _cel(plan: np.random.SeedSequence, shut: bool) -> list[Shape]:
    return scene(np.random.default_rng(plan), lambda _, figure: replace(figure, gaze="shut") if shut else figure)
