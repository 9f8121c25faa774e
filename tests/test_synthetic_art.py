"""The synthetic paintings, cartoon frames and portraits: seeded, scale-free, varied, and pairs of the promised kind."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PIL import Image

from p2p_lib.data.synthetic.canvas import to_uint8
from p2p_lib.data.synthetic.comics import blank, frame, scene
from p2p_lib.data.synthetic.comics_shapes import INK, render
from p2p_lib.data.synthetic.faces import photograph, portrait, sketch
from p2p_lib.data.synthetic.faces_parts import layers
from p2p_lib.data.synthetic.faces_plan import Colors, draw_colors, draw_geometry
from p2p_lib.data.synthetic.paintings import malevich, monet
from p2p_lib.data.synthetic.paintings_landscape import HOURS
from p2p_lib.data.synthetic.paintings_motifs import MOTIFS, plan_landscape


def painting(seed: int, size: int) -> tuple[np.ndarray]:
    """Either painter in turn; a painting alone, source and target at once."""
    return ((malevich if seed % 2 else monet)(seed, size),)


WORLDS = (painting, frame, portrait)
SEEDS = (0, 1, 2, 7)


def small(picture: np.ndarray, side: int = 16) -> np.ndarray:
    """What is left of a picture from far away, float (side, side, 3)."""
    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BOX), float)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("size", (48, 64, 100))
def test_pair_has_the_promised_shape_and_type(world, size):
    for picture in world(3, size):
        assert picture.shape == (size, size, 3)
        assert picture.dtype == np.uint8


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_same_seed_gives_the_same_bytes(world, seed):
    for first, second in zip(world(seed, 64), world(seed, 64), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_other_size_shows_the_same_scene(world, seed):
    for first, second in zip(world(seed, 64), world(seed, 128), strict=True):
        assert np.abs(small(first) - small(second)).mean() < 6


@pytest.mark.parametrize("world", WORLDS)
def test_seeds_differ(world):
    seen = [np.stack([small(picture) for picture in world(seed, 64)]) for seed in range(0, 12, 2)]
    for index, one in enumerate(seen):
        for other in seen[:index]:
            assert np.abs(one - other).mean() > 4


@pytest.mark.parametrize("painter", (monet, malevich))
def test_painters_use_colour(painter):
    picture = painter(4, 96).astype(int)
    assert (picture.max(axis=2) - picture.min(axis=2)).mean() > 8


@pytest.mark.parametrize("motif", MOTIFS)
@pytest.mark.parametrize("hour", (HOURS[0], HOURS[6]))
def test_every_motif_can_be_painted_at_every_hour(motif, hour, monkeypatch):
    plan = dataclasses.replace(plan_landscape(np.random.default_rng(0)), motif=motif, hour=hour, abundance=0.0, count=1)
    monkeypatch.setattr("p2p_lib.data.synthetic.paintings.plan_landscape", lambda rng: plan)
    assert monet(0, 32).std() > 2


@pytest.mark.parametrize("seed", range(8))
def test_line_art_is_dark_lines_on_white_that_lie_in_the_colour_picture(seed):
    lines, colour = frame(seed, 128)
    assert (lines.min(axis=2) > 230).mean() > 0.6
    ink = lines.max(axis=2) < 60
    assert 0.005 < ink.mean() < 0.25
    assert colour[ink].max() < 60


def test_line_art_is_nearly_free_of_colour():
    lines = frame(5, 128)[0].astype(int)
    assert (lines.max(axis=2) - lines.min(axis=2)).max() <= max(INK) - min(INK)


def test_one_scene_serves_any_rendering():
    shapes = scene(np.random.default_rng(0))
    np.testing.assert_array_equal(render(shapes, 64, blank), render(list(shapes), 64, blank))
    mask = render(shapes, 64, lambda shape: INK if shape.part.endswith("hair") else (255, 255, 255))
    assert (render(shapes, 64, blank) != mask).any()


@pytest.mark.parametrize("seed", range(6))
def test_sketch_is_a_light_achromatic_drawing(seed):
    pencil, photo = portrait(seed, 96)
    assert (pencil[..., 0] == pencil[..., 1]).all()
    assert (pencil[..., 0] == pencil[..., 2]).all()
    assert pencil.mean() > 200
    assert pencil.min() < 120
    assert (photo.max(axis=2) != photo.min(axis=2)).mean() > 0.5


def test_sketch_tells_nothing_about_the_colours():
    geometry = draw_geometry(np.random.default_rng(1))
    sheets = layers(geometry, 64)
    photos = [photograph(sheets, draw_colors(np.random.default_rng(seed))) for seed in range(4)]
    pencils = [sketch(layers(geometry, 64), np.random.default_rng(geometry.texture)) for _ in photos]
    for pencil in pencils[1:]:
        np.testing.assert_array_equal(pencil, pencils[0])
    for index, one in enumerate(photos):
        for other in photos[:index]:
            assert np.abs(one - other).mean() > 10


def test_geometry_and_colours_are_drawn_independently():
    """Burning draws of one generator leaves the other's result alone, and `portrait` is made of exactly these two."""
    shape_rng, color_rng = (np.random.default_rng(child) for child in np.random.SeedSequence(9).spawn(2))
    colors, geometry = draw_colors(color_rng), draw_geometry(shape_rng)
    sheets = layers(geometry, 48)
    np.testing.assert_array_equal(portrait(9, 48)[1], to_uint8(photograph(sheets, colors)))


def test_a_face_in_the_colours_of_another():
    pencil, photo = portrait(9, 48, colors=4)
    np.testing.assert_array_equal(pencil, portrait(9, 48)[0])
    corner = photo[:3, :3].astype(int).mean(axis=(0, 1))
    assert (
        np.abs(corner - portrait(4, 48)[1][:3, :3].mean(axis=(0, 1))).max()
        < 25
        < np.abs(photo - portrait(9, 48)[1].astype(int)).max()
    )
    np.testing.assert_array_equal(portrait(9, 48, colors=9)[1], portrait(9, 48)[1])


def test_hidden_colours_cover_their_range():
    draws = [draw_colors(np.random.default_rng(seed)) for seed in range(200)]
    for field in dataclasses.fields(Colors):
        values = np.array([getattr(colors, field.name) for colors in draws], float)
        assert values.std(axis=0).min() > (0.3 if field.name == "warmth" else 10), field.name
    skin = np.array([colors.skin for colors in draws]).mean(axis=1)
    hair = np.array([colors.hair for colors in draws]).mean(axis=1)
    assert abs(np.corrcoef(skin, hair)[0, 1]) < 0.25
