"""Every dataset of the course: where it comes from, how its files lie, and which half is the source.

This is the only place that knows about left and right; everywhere else a pair is `source` and `target`.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from p2p_lib.data.cufs import person
from p2p_lib.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from p2p_lib.data.pairs import Side

SPLIT_SEEDS = {"train": 0, "val": 1_000_000, "test": 2_000_000}  # the first seed of the procedural samples of a split
SAMPLES = {"train": 240, "val": 60, "test": 60}  # and how many there are


@dataclasses.dataclass(frozen=True)
class Archive:
    """A mirror that is one .tar.gz or .zip file; `sha256` where its bytes are known."""

    url: str
    sha256: str | None = None

    def __str__(self) -> str:
        return self.url


@dataclasses.dataclass(frozen=True)
class Kaggle:
    """A mirror on Kaggle, a dataset or (with `files`, the archives to take) a competition.

    `folder` names the folder in it that holds the dataset, where it holds others as well.
    """

    handle: str
    folder: str | None = None
    files: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"https://www.kaggle.com/{'competitions' if self.files else 'datasets'}/{self.handle}"


@dataclasses.dataclass(frozen=True)
class Dataset:
    """One row of the catalog.

    `source` is the half of a side-by-side file that the generator is given (of raw data: in the files that are prepared from it);
    None where files are single pictures, source and target at once. `world` names the procedural stand-in, ``module:function``
    below `p2p_lib.data.synthetic`, a function of (seed, size) that returns (source, target), or such a single picture; None where
    there is none. `mirrors` are tried in order; `megabytes` says roughly what the first one sends. `layout` says in words how the
    files lie, and `holds` which folders must be there. `folders` is what those of the sources and of the targets are called, beside
    ``source/`` and ``target/``, and `key` makes the same of the names of a pair's files. `prepare`, for raw data, says how pairs
    are made of it; `made_from`, for data that nobody offers for download, where it comes from.
    """

    title: str
    source: Side | None
    world: str | None
    home: str
    terms: str
    citation: str
    layout: str
    folders: tuple[str, str] = ("source", "target")
    key: Callable[[str], str] = str
    holds: tuple[str, ...] = ()
    mirrors: tuple[Archive | Kaggle, ...] = ()
    megabytes: int | None = None
    prepare: str | None = None
    made_from: str | None = None


PIX2PIX = "Isola, Zhu, Zhou and Efros 2017, Image-to-Image Translation with Conditional Adversarial Networks, CVPR"
PIX2PIX_HOME = "https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix/blob/master/docs/datasets.md"
KAGGLE_PIX2PIX = "vikramtiwari/pix2pix-dataset"
KAGGLE_PAINTINGS = "ikarus777/best-artworks-of-all-time"
ART_TERMS = "the older paintings are in the public domain; those of Picasso, Dali, Warhol and their time are not"


def _berkeley(name: str) -> Archive:
    """The archive of the pix2pix authors."""
    return Archive(f"https://efrosgans.eecs.berkeley.edu/pix2pix/datasets/{name}.tar.gz")


CATALOG: dict[str, Dataset] = {
    "facades": Dataset(
        title="CMP facades: label map -> photo",
        source="right",
        world="facades:facade",
        home="https://cmp.felk.cvut.cz/~tylecr1/facade/",
        terms="for research",
        citation="Tylecek and Sara 2013, Spatial Pattern Templates for Recognition of Objects with Regular Structure, GCPR",
        layout="train/ (400), val/ (100) and test/ (106) with 512x256 JPEG files, photo left, label map right",
        holds=("train", "val"),
        mirrors=(_berkeley("facades"), Kaggle(KAGGLE_PIX2PIX, folder="facades")),
        megabytes=30,
    ),
    "maps": Dataset(
        title="Google Maps: aerial photo -> map",
        source="left",
        world="maps:street_map",
        home=PIX2PIX_HOME,
        terms="collected by the pix2pix authors from Google Maps; for research only",
        citation=PIX2PIX,
        layout="train/ (1096) and val/ (1098) with 1200x600 JPEG files, aerial photo left, map right",
        holds=("train", "val"),
        mirrors=(_berkeley("maps"), Kaggle(KAGGLE_PIX2PIX, folder="maps")),
        megabytes=250,
    ),
    "edges2shoes": Dataset(
        title="UT Zappos50K: edges -> shoes",
        source="left",
        world="shoes:shoe",
        home="https://vision.cs.utexas.edu/projects/finegrained/utzap50k/",
        terms="for academic use only",
        citation="Yu and Grauman 2014, Fine-Grained Visual Comparisons with Local Learning, CVPR; edges: HED, Xie and Tu 2015",
        layout="train/ (49,825) and val/ (200) with 512x256 JPEG files, edges left, photo right",
        holds=("train", "val"),
        mirrors=(_berkeley("edges2shoes"), Kaggle(KAGGLE_PIX2PIX, folder="edges2shoes")),
        megabytes=2_200,
    ),
    "edges2handbags": Dataset(
        title="Amazon handbags: edges -> handbags",
        source="left",
        world=None,
        home="https://github.com/junyanz/iGAN",
        terms="collected from Amazon; for research only",
        citation="Zhu, Kraehenbuehl, Shechtman and Efros 2016, Generative Visual Manipulation on the Natural Image Manifold, ECCV",
        layout="train/ (138,567) and val/ (200) with 512x256 JPEG files, edges left, photo right",
        holds=("train", "val"),
        mirrors=(_berkeley("edges2handbags"), Kaggle(KAGGLE_PIX2PIX, folder="edges2handbags")),
        megabytes=8_600,
    ),
    "night2day": Dataset(
        title="Transient attributes: night -> day",
        source="left",
        world=None,
        home="http://transattr.cs.brown.edu/",
        terms="for research",
        citation="Laffont et al. 2014, Transient Attributes for High-Level Understanding and Editing of Outdoor Scenes, SIGGRAPH",
        layout="train/ (17,823), val/ (10) and test/ (2,287) with 512x256 JPEG files of web cameras; to judge by the name, night "
        "is left and day right, but no page of the authors says so: look at a few pairs first",
        holds=("train", "val"),
        mirrors=(_berkeley("night2day"), Kaggle(KAGGLE_PIX2PIX, folder="night2day")),
        megabytes=2_000,
    ),
    "carvana": Dataset(
        title="Carvana Image Masking Challenge, raw: photos of cars and their masks",
        source="left",
        world=None,
        home="https://www.kaggle.com/competitions/carvana-image-masking-challenge",
        terms="Kaggle's competition rules, to be accepted on its page",
        citation="Carvana 2017, Carvana Image Masking Challenge, Kaggle",
        layout="train/ with 5,088 photos CAR_VIEW.jpg (318 cars, 16 views, 1918x1280) and train_masks/ with CAR_VIEW_mask.gif",
        holds=("train", "train_masks"),
        mirrors=(Kaggle("carvana-image-masking-challenge", files=("train.zip", "train_masks.zip")),),
        megabytes=435,
        prepare="data_scripts/prepare_carvana.py makes edges2cars of it",
    ),
    "edges2cars": Dataset(
        title="Carvana, prepared: edges -> cars",
        source="left",
        world="cars:car",
        home="https://www.kaggle.com/competitions/carvana-image-masking-challenge",
        terms="Kaggle's competition rules",
        citation="Carvana 2017, Carvana Image Masking Challenge, Kaggle",
        layout="train/ and val/ with 512x256 PNG files, edges left, photo on white right, no car in both",
        holds=("train", "val"),
        made_from="it is made from the dataset carvana: `p2p data get carvana`, then data_scripts/prepare_carvana.py",
    ),
    "paintings": Dataset(
        title="Best Artworks of All Time: 50 painters, to be coloured",
        source=None,
        world=None,
        home=f"https://www.kaggle.com/datasets/{KAGGLE_PAINTINGS}",
        terms=ART_TERMS,
        citation="Icaro 2019, Best Artworks of All Time, Kaggle",
        layout="a folder a painter, like Claude_Monet/, with JPEG files of any size",
        holds=("Claude_Monet",),
        mirrors=(Kaggle(KAGGLE_PAINTINGS),),
        megabytes=2_300,
    ),
    "monet": Dataset(
        title="Paintings by Claude Monet, to be coloured",
        source=None,
        world="paintings:monet",
        home=f"https://www.kaggle.com/datasets/{KAGGLE_PAINTINGS}",
        terms="the paintings are in the public domain",
        citation="Icaro 2019, Best Artworks of All Time, Kaggle",
        layout="73 JPEG files of any size; the Claude_Monet/ of the dataset paintings, and any other folder of paintings will do",
        mirrors=(Kaggle(KAGGLE_PAINTINGS, folder="Claude_Monet"),),
        megabytes=2_300,
    ),
    "malevich": Dataset(
        title="Paintings by Kazimir Malevich, to be coloured",
        source=None,
        world="paintings:malevich",
        home=f"https://www.kaggle.com/datasets/{KAGGLE_PAINTINGS}",
        terms="the paintings are in the public domain",
        citation="Icaro 2019, Best Artworks of All Time, Kaggle",
        layout="126 JPEG files of any size; the Kazimir_Malevich/ of the dataset paintings",
        mirrors=(Kaggle(KAGGLE_PAINTINGS, folder="Kazimir_Malevich"),),
        megabytes=2_300,
    ),
    "faces": Dataset(
        title="CUHK Face Sketches (CUFS): sketch -> photo",
        source="left",
        world="faces:portrait",
        home="http://mmlab.ie.cuhk.edu.hk/archive/facesketch.html",
        terms="identifiable people: for research only, and never to say who somebody is",
        citation="Wang and Tang 2009, Face Photo-Sketch Synthesis and Recognition, IEEE PAMI 31(11)",
        layout="sketches/ and photos/ with files of the same names, or with the authors' own, each of the three parts in folders "
        "like sketches/cuhk/ and photos/cuhk/; or source/ and target/; or side-by-side files (sketch left) in train/ and val/; "
        "606 pairs = 188 CUHK students + 123 AR + 295 XM2VTS",
        folders=("sketches", "photos"),
        key=person,
        made_from="ask its authors for it (copies elsewhere often pair a sketch with another person's photo)",
    ),
    "anime": Dataset(
        title="Anime, from a video of your own: line drawing -> frame",
        source="left",
        world="comics:frame",
        home="your own video",
        terms="as the film's owner says",
        citation="",
        layout="source/ with line drawings and target/ with frames of the same names, or side-by-side files (drawing left) in "
        "train/ and val/",
        made_from="it is made from frames of a video of your own by data_scripts/prepare_anime.py",
    ),
    "comics": Dataset(
        title="Pepper&Carrot, a comic by David Revoy: line drawing -> panel",
        source="left",
        world="comics:frame",
        home="https://www.peppercarrot.com/",
        terms="CC BY 4.0: name David Revoy, www.peppercarrot.com, wherever you show a page or what was made of it",
        citation="Revoy 2014-, Pepper&Carrot, https://www.peppercarrot.com",
        layout="side-by-side files (drawing left) in train/, val/ and test/, no episode in two of them",
        made_from="it is made from pages without text, which lie in low-res/gfx-only/ of every episode below "
        "https://www.peppercarrot.com/0_sources/: save them in a folder for each episode, then data_scripts/prepare_anime.py",
    ),
}


def dataset(name: str) -> Dataset:
    """The row of a name; DataError with the nearest name that there is."""
    if name not in CATALOG:
        raise DataError(f"There is no dataset {name!r} in the catalog. {did_you_mean(name, CATALOG)}")
    return CATALOG[name]


def data_folder() -> Path:
    """Where datasets are found: $P2P_DATA, else `datasets/` in the working folder; DataError if P2P_DATA names no folder."""
    folder = Path(os.environ.get("P2P_DATA") or "datasets").expanduser()
    if os.environ.get("P2P_DATA") and not folder.is_dir():
        raise DataError(f"P2P_DATA is {folder}, and there is no such folder.")
    return folder


def by_hand(name: str) -> str:
    """How a dataset that is not here gets here, as a clause: what makes or fetches it, else the folder and its layout."""
    row = CATALOG[name]
    way = row.made_from or f"`p2p data get {name}` fetches it"
    return f"{way}, or put it there by hand ({row.home}): {data_folder() / name} with {row.layout}"
