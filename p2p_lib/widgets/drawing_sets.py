"""What a pad offers for a task: colours with their names, what a cleared pad shows, the tool to begin with, and examples."""

from __future__ import annotations

import dataclasses

from PIL import Image

from p2p_lib.data.catalog import CATALOG
from p2p_lib.data.loading import in_direction, samples
from p2p_lib.data.synthetic.facades import PALETTE as FACADES
from p2p_lib.data.synthetic.maps import BUILDING, GREENS, LAND, ROADS, WATER
from p2p_lib.tasks import Task
from p2p_lib.viz import to_image

Color = tuple[int, int, int]

N_EXAMPLES = 4
INK: dict[str, Color] = {"black": (0, 0, 0), "gray": (128, 128, 128)}
PAINTS: dict[str, Color] = INK | {"red": (200, 40, 40), "green": (60, 130, 60), "blue": (50, 90, 180), "yellow": (240, 200, 60)}
GRAYS: dict[str, Color] = {f"{share}% white": (255 * share // 100,) * 3 for share in (0, 25, 50, 75, 100)}
MAPS: dict[str, Color] = {"building": BUILDING, "water": WATER, "park": GREENS["park"]} | {
    name: ROADS[kind] for name, kind in zip(("path", "street", "avenue", "highway"), ROADS, strict=True)
}


@dataclasses.dataclass(frozen=True)
class DrawingSet:
    """`colors` by name, the first is in hand at the start; `blank` fills a cleared pad, and is what the eraser leaves."""

    colors: dict[str, Color]
    blank: Color = (255, 255, 255)
    tool: str = "brush"


LABELS = DrawingSet(
    {name: FACADES[name] for name in ("window", *(key for key in FACADES if key != "window"))}, (0, 0, 223), "rectangle"
)
TOWN = DrawingSet(MAPS, LAND)
PENCIL = DrawingSet(INK)


def drawing_set(task: Task) -> DrawingSet:
    """Facades' classes, a street map's colours, a pencil for line drawings, grays for what is to be coloured, else paints."""
    if task.dataset == "facades" and task.source_side != "left":
        return LABELS
    if task.dataset == "maps" and task.source_side == "right":
        return TOWN
    if task.colors:
        return DrawingSet(GRAYS)
    drawn = {"edges2shoes", "edges2cars", "faces", "anime", "comics"}
    return PENCIL if task.dataset in drawn else DrawingSet(PAINTS)


def example_sources(task: Task, count: int = N_EXAMPLES) -> list[Image.Image]:
    """Some sources of the task's procedural samples at its image size, never trained on, as the network sees them: gray where it
    colours. [] where there are no samples."""
    if task.dataset not in CATALOG or CATALOG[task.dataset].world is None:
        return []
    pairs = in_direction(samples(task.dataset, "test", task.image_size, count), task.dataset, task.source_side)
    return [to_image(picture) for picture in task.make_codec().seen(pairs.batch(range(count))[0])]
