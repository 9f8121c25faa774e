"""The procedural towns, shoes and cars: pairs that repeat, agree with each other, and differ from seed to seed."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from p2p_lib.data.synthetic.cars import VIEWS, car, photo_and_mask
from p2p_lib.data.synthetic.cars_plan import SHAPES
from p2p_lib.data.synthetic.cars_plan import plan as car_plan
from p2p_lib.data.synthetic.maps import LAND, MAP_PALETTE, WATER, street_map
from p2p_lib.data.synthetic.maps import plan as town_plan
from p2p_lib.data.synthetic.shoes import KINDS, shoe
from p2p_lib.data.synthetic.shoes import plan as shoe_plan

WORLDS = {"maps": street_map, "shoes": shoe, "cars": lambda seed, size: car(seed, size, view=seed % VIEWS)}
DRAWINGS = ("shoes", "cars")
EXAMPLES = 8

worlds = pytest.mark.parametrize("world", WORLDS)
drawings = pytest.mark.parametrize("world", DRAWINGS)


def difference(first: np.ndarray, second: np.ndarray) -> float:
    """Mean absolute difference of two uint8 pictures."""
    return float(np.abs(first.astype(float) - second).mean())


def near(picture: np.ndarray, color: tuple[int, int, int], tolerance: int = 6) -> np.ndarray:
    """Where a picture (H, W, 3) has nearly a colour, bool (H, W)."""
    return np.abs(picture.astype(int) - color).max(-1) <= tolerance


@worlds
def test_shapes_and_types(world):
    pair = WORLDS[world](3, 96)
    assert [image.shape for image in pair] == [(96, 96, 3)] * 2
    assert [image.dtype for image in pair] == [np.uint8] * 2


@worlds
def test_same_seed_same_bytes(world):
    first, second = WORLDS[world](5, 64), WORLDS[world](5, 64)
    assert all(one.tobytes() == other.tobytes() for one, other in zip(first, second, strict=True))


@worlds
def test_same_scene_at_every_size(world):
    for seed in range(EXAMPLES):
        for large, small in zip(WORLDS[world](seed, 192), WORLDS[world](seed, 64), strict=True):
            blurred = [np.asarray(Image.fromarray(image).resize((16, 16), Image.Resampling.BOX)) for image in (large, small)]
            assert difference(*blurred) < 4


@worlds
def test_seeds_differ(world):
    pictures = [WORLDS[world](seed, 48)[1] for seed in range(EXAMPLES)]
    gaps = [difference(pictures[i], pictures[j]) for i in range(EXAMPLES) for j in range(i)]
    assert min(gaps) > 2


@drawings
def test_drawings_are_dark_lines_on_white(world):
    for seed in range(EXAMPLES):
        edges = WORLDS[world](seed, 128)[0].astype(int)
        assert np.ptp(edges, axis=-1).max() == 0  # grey
        assert (edges > 250).mean() > 0.8
        assert 0.005 < (edges < 128).mean() < 0.15


@drawings
def test_drawing_and_photo_show_the_same_outline(world):
    for seed in range(EXAMPLES):
        edges, photo = WORLDS[world](seed, 128)
        lines, painted = (np.argwhere(image.min(-1) < 200) for image in (edges, photo))
        assert np.abs(lines.min(0) - painted.min(0)).max() <= 3  # top and left
        assert abs(lines[:, 1].max() - painted[:, 1].max()) <= 3  # right; below, the photo has a shadow


@pytest.mark.parametrize("kind", KINDS)
def test_shoes_of_a_kind_vary(kind):
    shoes = [plan for plan in map(shoe_plan, range(60)) if plan.kind == kind]
    assert len(shoes) > 3
    assert len({len(plan.shoe.pieces) for plan in shoes}) > 1


def test_maps_show_the_palette():
    for seed in range(EXAMPLES):
        drawn = street_map(seed, 192)[1]
        known = np.any([near(drawn, color) for color in MAP_PALETTE], axis=0)
        assert known.mean() > 0.75
        assert near(drawn, LAND).mean() + near(drawn, WATER).mean() > 0.1


def test_water_lies_in_the_same_place_in_map_and_aerial():
    wet = [seed for seed in range(40) if near(street_map(seed, 48)[1], WATER, 2).mean() > 0.1]
    assert wet
    for seed in wet[:4]:
        aerial, drawn = (image.astype(float) for image in street_map(seed, 128))
        water = near(drawn, WATER, 2)
        assert aerial[water].std(0).max() < aerial[~water].std(0).min()
        assert aerial[water].mean() < aerial[~water].mean()


def test_towns_stand_dry():
    """No building stands in a river or a bay."""
    for seed in range(EXAMPLES):
        drawn = street_map(seed, 128)[1]
        for group in town_plan(seed).buildings:
            middles = group.corners.mean(1)
            inside = middles[(middles > 0.02).all(1) & (middles < 0.98).all(1)]
            columns, rows = (inside * 128).astype(int).T
            assert not near(drawn[rows, columns][None], WATER).any()


@pytest.mark.parametrize("view", range(VIEWS))
def test_mask_is_where_the_photo_is_not_white(view):
    for seed in (1, 2):
        photo = car(seed, 128, view)[1]
        mask = photo_and_mask(seed, 128, view)[1]
        assert mask.dtype == bool and mask.shape == (128, 128)
        painted = ~near(photo, (255, 255, 255), 6)
        assert painted[mask].mean() > 0.97
        lowest = np.nonzero(mask.any(1))[0].max()
        highest = np.nonzero(mask.any(1))[0].min()
        upper = slice(0, (highest + lowest) // 2)  # the lower half shows the shadow as well
        assert (painted[upper] & ~mask[upper]).sum() < 0.12 * mask.sum()


def test_background_changes_all_but_the_car():
    for seed in range(4):
        white, (photo, mask) = car(seed, 128, 3)[1], photo_and_mask(seed, 128, 3)
        inside = np.asarray(Image.fromarray(mask).convert("L").resize((32, 32), Image.Resampling.BOX)) == 255
        inside = np.kron(inside, np.ones((4, 4), bool))
        assert difference(white[inside], photo[inside]) < 1
        assert (near(photo, (255, 255, 255))[~mask]).mean() < 0.2


def test_views_all_differ():
    drawn = [car(7, 64, view) for view in range(VIEWS)]
    for part in (0, 1):
        gaps = [difference(drawn[i][part], drawn[j][part]) for i in range(VIEWS) for j in range(i)]
        assert min(gaps) > 1


def test_a_car_is_longest_from_the_side():
    widths = [photo_and_mask(7, 96, view)[1].any(0).sum() for view in range(VIEWS)]
    assert min(widths[4], widths[12]) > 1.8 * max(widths[0], widths[8])


def test_all_shapes_of_cars_are_drawn():
    widths = {round(car_plan(seed).shape.doors[0], 3) for seed in range(60)}
    assert widths == {shape.doors[0] for shape in SHAPES.values()}


@pytest.mark.parametrize("view", [-1, VIEWS])
def test_unknown_view(view):
    with pytest.raises(ValueError, match="0 to 15"):
        car(0, 32, view)
