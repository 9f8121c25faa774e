"""The command line for datasets: ``p2p data list | get | check | combine | split | shard``."""

from __future__ import annotations

from pathlib import Path

from p2p_lib.cli import dispatch, new_parser

HELP = """usage: p2p data COMMAND ...    (p2p data COMMAND --help says more)

  p2p data list                       every dataset of the catalog, and whether it is here
  p2p data get NAME                   download it, from the first mirror that works
  p2p data check FOLDER               what is wrong with your own pairs, with a contact sheet
  p2p data combine A B OUT            two folders of pictures -> side-by-side files
  p2p data split FOLDER OUT           train/, val/ and test/ by group, near-duplicates together
  p2p data shard NAME_OR_FOLDER OUT   tar shards to train from, also over http"""


def run_data_command(arguments: list[str]) -> int:
    """Parse, and call the command; returns the exit code."""
    commands = {"list": list_datasets, "get": get, "check": check, "combine": combine, "split": split, "shard": shard}
    return dispatch(commands, arguments, HELP, group="data ")


def list_datasets(arguments: list[str]) -> int:
    """``p2p data list``."""
    new_parser("data list", "Every dataset of the catalog, and whether it is here.").parse_args(arguments)
    from p2p_lib.data.get import describe

    print(describe())
    return 0


def get(arguments: list[str]) -> int:
    """``p2p data get``."""
    parser = new_parser("data get", "Download a dataset of the catalog into $P2P_DATA (unset: datasets/), and check it.")
    parser.add_argument("name", metavar="NAME", help="a name that `p2p data list` shows")
    options = parser.parse_args(arguments)
    from p2p_lib.data.get import get as get_dataset

    print(f"{options.name} is in {get_dataset(options.name)}.")
    return 0


def check(arguments: list[str]) -> int:
    """``p2p data check``; exit code 1 where something is wrong with the data."""
    parser = new_parser("data check", "What is wrong with a folder of pairs: a table, and a contact sheet to look at.")
    parser.add_argument(
        "folder", metavar="FOLDER", help="source/ and target/, or side-by-side files, in it or in train/, val/, test/"
    )
    parser.add_argument("--source_side", choices=["left", "right"], help="for side-by-side files: which half is given")
    parser.add_argument(
        "--sheet", metavar="FILE", default="contact_sheet.jpg", help="where the contact sheet goes (contact_sheet.jpg)"
    )
    options = parser.parse_args(arguments)
    from p2p_lib.data.check import check as check_folder

    report = check_folder(options.folder, source_side=options.source_side, sheet=Path(options.sheet))
    print(report)
    return 0 if report.ok else 1


def combine(arguments: list[str]) -> int:
    """``p2p data combine``."""
    parser = new_parser("data combine", "Two folders whose files pair by name -> side-by-side files, A left and B right.")
    parser.add_argument("a", metavar="A", help="pictures for the left half")
    parser.add_argument("b", metavar="B", help="pictures for the right half, with the same names")
    parser.add_argument("out", metavar="OUT", help="a new folder")
    parser.add_argument("--size", type=int, help="resize both halves to SIZE x SIZE (as they are, B resized to A)")
    parser.add_argument("--on_error", choices=["raise", "skip"], default="raise", help="what to do about files that do not pair")
    options = parser.parse_args(arguments)
    from p2p_lib.data.arrange import combine as combine_folders

    print(combine_folders(options.a, options.b, options.out, size=options.size, on_error=options.on_error))
    return 0


def split(arguments: list[str]) -> int:
    """``p2p data split``."""
    parser = new_parser("data split", "Copy pairs into train/, val/ and test/: by group, and near-duplicates together.")
    parser.add_argument("folder", metavar="FOLDER", help="source/ and target/, or side-by-side files")
    parser.add_argument("out", metavar="OUT", help="a new folder")
    parser.add_argument("--group", metavar="REGEX", help="what of a file's name says its group; its first (...) or all of it")
    parser.add_argument("--share", type=float, default=0.1, help="of the pairs, for val and for test each (0.1)")
    parser.add_argument("--seed", type=int, default=0, help="another seed draws another split (0)")
    options = parser.parse_args(arguments)
    from p2p_lib.data.arrange import split as split_folder

    print(split_folder(options.folder, options.out, group=options.group, share=options.share, seed=options.seed))
    return 0


def shard(arguments: list[str]) -> int:
    """``p2p data shard``."""
    parser = new_parser("data shard", "Pairs as tar shards (WebDataset's form) with an index, to train from without a copy.")
    parser.add_argument("data", metavar="NAME_OR_FOLDER", help="a name that `p2p data list` shows, a task, or a folder of pairs")
    parser.add_argument("out", metavar="OUT", help="a new folder; any web server can offer it")
    parser.add_argument("--task", help="the task they are for: its sizes, its direction, whether it colours (that of the name)")
    parser.add_argument("--size", type=int, help="side of all pictures (as the task trains and validates: 286 and 256)")
    parser.add_argument("--pairs", type=int, default=1000, help="in a shard (1000)")
    parser.add_argument("--format", choices=["png", "jpg"], default="png", help="png keeps every pixel, jpg is smaller (png)")
    parser.add_argument("--source_side", choices=["left", "right"], help="for side-by-side files: which half is given")
    parser.add_argument("--on_error", choices=["raise", "skip"], default="raise", help="what to do about files that do not pair")
    options = parser.parse_args(arguments)
    from p2p_lib.data.shard_writer import shard as write_shards
    from p2p_lib.tasks import TASKS, task

    row = options.task or (options.data if options.data in TASKS else "facades")
    changes = {"on_error": options.on_error} | ({} if options.data in TASKS else {"dataset": options.data})
    changes |= {"source_side": options.source_side} if options.source_side else {}
    config = task(row, "full", **changes)
    print(write_shards(config, options.out, size=options.size, pairs_per_shard=options.pairs, file_format=options.format))
    return 0
