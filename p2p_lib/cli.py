"""The command line: ``p2p train``, ``p2p generate``, ``p2p evaluate`` and more, also ``python -m p2p_lib``.

Whatever the reader can put right is one sentence on stderr and exit code 2; ``--debug`` shows the traceback instead.
"""

from __future__ import annotations

import dataclasses
import re
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentError, ArgumentParser, Namespace

from p2p_lib.errors import ConfigError, P2PError, did_you_mean
from p2p_lib.tasks import TASKS, Task, task, to_toml
from p2p_lib.weights import WEIGHTS_FILE

FIELDS = {field.name for field in dataclasses.fields(Task)}
OPTIONS = {"out", "config", "resume", "print-config", "tensorboard", "overwrite", "mode", "pages", "samples"}
OPTIONS |= {"split", "lpips", "inception", "fcn"}
OPTIONS |= {"onnx", "pt2"}
EXIT_ERROR = 2
EXIT_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0, 2 for an error that was explained, 130 where Ctrl-C or SIGTERM stopped it."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    arguments = [underscored(argument) for argument in arguments if argument != "--debug"]
    try:
        return run_command(arguments)
    except (P2PError, ArgumentError) as error:
        if debug:
            raise
        print(f"p2p: {explain(error)}", file=sys.stderr)
        return EXIT_ERROR
    except OSError as error:  # a full disk, a folder that may not be read
        if debug:
            raise
        print(f"p2p: {error.filename or 'input or output'}: {error.strerror or error}.", file=sys.stderr)
        return EXIT_ERROR
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def run_command(arguments: list[str]) -> int:
    """Parse, and call the command."""
    commands = {"train": train, "generate": generate, "evaluate": evaluate, "export": export, "data": data, "weights": weights}
    return dispatch(commands, arguments, HELP)


def dispatch(commands: dict[str, Callable[[list[str]], int]], arguments: list[str], usage: str, group: str = "") -> int:
    """Call the command that the first argument names; `usage` is printed where none is, `group` stands before its name."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(usage)
        return 0 if arguments else EXIT_ERROR
    name, *rest = arguments
    if name not in commands:
        raise ConfigError(f"There is no command {group + name!r}. {did_you_mean(name, commands)}")
    return commands[name](rest)


HELP = """usage: p2p COMMAND ...    (p2p COMMAND --help says more)

  p2p train [TASK] [-c FILE.toml] [--out DIR] [--resume] [--FIELD VALUE ...]
  p2p generate WEIGHTS_OR_RUN INPUT_DIR OUTPUT_DIR [--samples N] [--pages]
  p2p evaluate MODEL DATA [--split test] [--out DIR] [--lpips DIR] [--fcn] [--inception]
  p2p export MODEL [--onnx FILE.onnx] [--pt2 FILE.pt2]
  p2p data list | get NAME | check FOLDER | combine A B OUT | split FOLDER OUT | shard NAME_OR_FOLDER OUT
  p2p weights list | get NAME ... | check [NAME ...] | info NAME

Any error is explained in one sentence; add --debug for the traceback."""


def new_parser(command: str, description: str) -> ArgumentParser:
    """The options of one command, none yet; an error in them is raised, for `main` to explain."""
    return ArgumentParser(prog=f"p2p {command}", exit_on_error=False, allow_abbrev=False, description=description)


def train(arguments: list[str]) -> int:
    """``p2p train``: train a task, or print the configuration that would be trained."""
    parser = train_parser()
    options = parser.parse_args(arguments, defaults=False)  # only what was said, so that the task's row can give the rest
    config = build_task(parser, options)
    if "print_config" in options:
        print(to_toml(config), end="")
        return 0
    from p2p_lib.gallery import write_gallery
    from p2p_lib.processes import is_main_process
    from p2p_lib.training import fit, tensorboard

    out = Path(options.get("out", Path("runs") / config.name))
    callbacks = [tensorboard(out / "tensorboard")] if "tensorboard" in options and is_main_process() else []
    run = fit(config, out, resume="resume" in options, callbacks=callbacks)
    if not run.finished:
        return EXIT_INTERRUPTED
    if not is_main_process():
        return 0
    print(f"Trained on {run.data_origin}.")
    print(f"Weights: {run.out / WEIGHTS_FILE}")
    print(f"Gallery: {write_gallery(run)}")
    return 0


def train_parser() -> ArgumentParser:
    """Options of ``p2p train``: a flag for every field of `Task`, documented by its docstring."""
    parser = new_parser("train", f"Train a task: {', '.join(TASKS)}.")
    parser.add_argument("task", nargs="?", help="a row of the table of tasks (facades)")
    parser.add_argument("-c", "--config", metavar="FILE.toml", help="fields in a file; flags win over it")
    parser.add_argument("--out", metavar="DIR", help="folder of the run (runs/TASK)")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in DIR, where there is one")
    parser.add_argument("--print-config", action="store_true", help="print the configuration as TOML and stop")
    parser.add_argument("--tensorboard", action="store_true", help="write DIR/tensorboard, too")
    parser.add_class_arguments(Task, skip={"name"})
    return parser


def build_task(parser: ArgumentParser, options: Namespace) -> Task:
    """What the task's row says, changed by the file, changed by the flags."""
    said = {key: value for key, value in vars(options).items() if key in FIELDS}
    from_file = read_toml(parser, options["config"]) if "config" in options else {}
    settings = from_file | said
    name = settings.pop("name", "facades")
    return task(options.get("task") or name, **settings)


def read_toml(parser: ArgumentParser, path: str) -> dict[str, Any]:
    """The fields in a TOML file, their types checked; ConfigError names the file and what is wrong."""
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from error
    unknown = [key for key in content if key not in FIELDS]
    if unknown:
        raise ConfigError(f"{path} has a field {unknown[0]!r} that no task has. {did_you_mean(unknown[0], FIELDS)}")
    name = {"name": content.pop("name")} if "name" in content else {}
    try:
        return name | vars(parser.parse_object(content, defaults=False))
    except ArgumentError as error:
        raise ConfigError(f"{path}: {explain(error)}") from error


def generate(arguments: list[str]) -> int:
    """``p2p generate``: translate a folder of pictures."""
    parser = new_parser("generate", "Translate every picture of a folder.")
    parser.add_argument("weights", metavar="WEIGHTS_OR_RUN", help="weights file, folder of a run, or name of a bundled model")
    parser.add_argument("input", metavar="INPUT_DIR", help="pictures of any size; subfolders are kept")
    parser.add_argument("output", metavar="OUTPUT_DIR", help="where the translated pictures go")
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist")
    parser.add_argument(
        "--mode", choices=["eval", "paper"], default="eval", help="running statistics, or the picture's own and dropout"
    )
    parser.add_argument("--samples", type=int, metavar="N", help="N answers to each picture, from a model that has many")
    parser.add_argument("--pages", action="store_true", help="comic pages: panel by panel, lines and balloons stay as they are")
    options = parser.parse_args(arguments)
    from p2p_lib.pages import color_pages
    from p2p_lib.translator import Translator, translate_folder

    model = Translator.load(options.weights)
    translate = color_pages if options.pages else translate_folder
    samples = {} if options.samples is None else {"n_samples": options.samples}
    if samples and options.pages:
        raise ConfigError("--pages makes one page of each; leave out --samples, or --pages.")
    report = translate(model, options.input, options.output, overwrite=options.overwrite, mode=options.mode, **samples)
    print(f"{len(report.written)} pictures written to {options.output}.")
    if report.existing:
        print(f"{len(report.existing)} were there already and were left alone; --overwrite replaces them.")
    for file, reason in report.unreadable.items():
        print(f"Skipped {file}: {reason}.", file=sys.stderr)
    return 0 if report.written or report.existing else EXIT_ERROR


def evaluate(arguments: list[str]) -> int:
    """``p2p evaluate``: measure a model, and write a report."""
    from p2p_lib.cli_evaluate import evaluate as evaluate_model

    return evaluate_model(arguments)


def export(arguments: list[str]) -> int:
    """``p2p export``: a model as a file that runs elsewhere."""
    from p2p_lib.cli_export import export as export_model

    return export_model(arguments)


def data(arguments: list[str]) -> int:
    """``p2p data``: see, fetch, check and arrange datasets."""
    from p2p_lib.cli_data import run_data_command

    return run_data_command(arguments)


def weights(arguments: list[str]) -> int:
    """``p2p weights``: see, fetch and check trained weights."""
    from p2p_lib.cli_weights import run_weights_command

    return run_weights_command(arguments)


def underscored(argument: str) -> str:
    """``--batch-size`` is ``--batch_size``."""
    flag, equals, value = argument.partition("=")
    field = flag[2:].replace("-", "_")
    return f"--{field}{equals}{value}" if flag.startswith("--") and field in FIELDS else argument


def explain(error: Exception) -> str:
    """The message of an error; for an argument nobody knows, with the nearest that is known."""
    message = str(error)
    unknown = re.search(r"unrecognized arguments: --([\w-]+)", message)
    if unknown:
        return f"There is no option --{unknown[1]}. {did_you_mean(unknown[1], (FIELDS | OPTIONS) - {'name'})}"
    plain = re.sub(r"Parser key \"(\w+)\":", r"\1:", " ".join(message.split()))
    return re.sub(r"Expected a (?:<class '(\w+)'>|typing\.Literal(\[.*?\]))\. Got value: (.*)", r"expected \1\2, got \3.", plain)


if __name__ == "__main__":
    sys.exit(main())
