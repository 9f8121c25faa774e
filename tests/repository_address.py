"""The repository's address: it stands in pyproject.toml, and this writes it wherever else it is needed.

    python tests/repository_address.py https://github.com/me/fork        (make address URL=...)

Without an address, everything is brought in line with pyproject.toml. Needs nothing but Python.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GITHUB = r"https://github\.com/[\w.-]+/[\w.-]+?"
FILES = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "environment.yml",
    "weights/*.md",
    ".github/**/*.yml",
    "notebooks/**/*.ipynb",
)
PLACES = (
    r"(?<=colab\.research\.google\.com/github/)[\w.-]+/[\w.-]+(?=/blob/)",
    r"(?<=kaggle\.com/kernels/welcome\?src=https://github\.com/)[\w.-]+/[\w.-]+(?=/blob/)",
    r"(?<=REPOSITORY = \\\"https://github\.com/)[\w.-]+/[\w.-]+(?=\\\")",  # the setup cell, as JSON
)


def address(root: Path = ROOT) -> str:
    """What pyproject.toml says."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]


def slug(url: str) -> str:
    """``https://github.com/me/fork`` -> ``me/fork``; ValueError for anything else."""
    if not re.fullmatch(GITHUB, url):
        raise ValueError(f"An address looks like https://github.com/me/fork; got {url!r}.")
    return url.removeprefix("https://github.com/")


def badges(notebook: str, url: str) -> str:
    """The line that opens `notebook` (a path in the repository) in Colab and in Kaggle."""
    page = f"{slug(url)}/blob/main/{notebook}"
    colab = f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/{page})"
    kaggle = f"[![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)](https://kaggle.com/kernels/welcome?src=https://github.com/{page})"
    return f"{colab} {kaggle}"


def rewrite(text: str, old: str, new: str) -> str:
    """`text` with the address `new`: in badges and setup cells whatever stood there, elsewhere in place of `old`."""
    for place in PLACES:
        text = re.sub(place, slug(new), text)
    return re.sub(rf"{re.escape(old)}(?![\w-])", new, text)


def files(root: Path = ROOT) -> list[Path]:
    """Every file that may hold the address."""
    return sorted(path for pattern in FILES for path in root.glob(pattern) if ".ipynb_checkpoints" not in path.parts)


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Rewrite all files; 2 where the address is not one."""
    old = address(root)
    new = arguments[0].removesuffix("/").removesuffix(".git") if arguments else old
    try:
        slug(new)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    changed = [path for path in [root / "pyproject.toml", *files(root)] if rewrite_file(path, old, new)]
    print(f"{new}: {len(changed)} files rewritten.")
    return 0


def rewrite_file(path: Path, old: str, new: str) -> bool:
    """Rewrite one file; whether anything changed."""
    before = path.read_bytes().decode()
    after = rewrite(before, old, new)
    path.write_bytes(after.encode())
    return after != before


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
