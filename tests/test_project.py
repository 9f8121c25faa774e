"""What stands around the library agrees with itself: packages, addresses, the README."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib

import pytest
import repository_address
import yaml
from helpers import ROOT
from repository_address import address, badges, rewrite

from p2p_lib.cli import build_task, train_parser

README = (ROOT / "README.md").read_text(encoding="utf-8")
LESSONS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "notebooks").glob("*.ipynb"))
DIRECTORIES = {".ci", ".github", "benchmarks", "data_scripts", "notebooks", "p2p_lib", "tests", "weights"}

CONDA_NAMES = {"torch": "pytorch", "opencv-python-headless": "opencv", "playwright": "playwright-python"}
IMPORT_NAMES = {
    "pillow": "PIL",
    "scikit-image": "skimage",
    "pyyaml": "yaml",
    "ipython": "IPython",
    "torch-fidelity": "torch_fidelity",
    "opencv-python-headless": "cv2",
}


# Packages.


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def requirements(*extras: str) -> dict[str, str]:
    """Name -> version of what pyproject.toml asks for: the base, and the named extras."""
    asked = [*project()["dependencies"], *(line for extra in extras for line in project()["optional-dependencies"][extra])]
    return dict(re.fullmatch(r"([\w-]+)(.*)", line).groups() for line in asked)


def imported(folder: str) -> set[str]:
    """Top-level names of everything that the Python files of a folder import from elsewhere."""
    found = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(node.module)
    local = {path.stem for home in (folder, "tests", "weights") for path in (ROOT / home).rglob("*.py")} | {"p2p_lib"}
    return {name.partition(".")[0] for name in found} - set(sys.stdlib_module_names) - local


def test_environment_yml_and_pyproject_ask_for_the_same():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert conda["channels"] == ["conda-forge", "nodefaults"]
    lines = [line for line in conda["dependencies"] if isinstance(line, str)]
    listed = dict(re.fullmatch(r"([\w-]+) ?(.*)", line).groups() for line in lines)
    python = listed.pop("python")
    listed.pop("pip")
    assert listed == {CONDA_NAMES.get(name, name): version for name, version in requirements("notebooks", "test").items()}
    assert python.startswith(project()["requires-python"])


def test_environment_yml_explains_every_line():
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert not [line for line in text.splitlines() if re.match(r"\s+- (?!conda-forge|pip:)", line) and " # " not in line]


@pytest.mark.parametrize(
    ("folder", "extras"), [("p2p_lib", ("notebooks", "fid", "export")), ("tests", ("notebooks", "test")), ("benchmarks", ("test",))]
)
def test_imports_are_declared(folder, extras):
    declared = {IMPORT_NAMES.get(name, name) for name in requirements(*extras)}
    assert imported(folder) <= declared


def test_colab_constraints_are_inside_the_supported_window():
    pins = re.findall(r"^([\w-]+)==([\d.]+)$", (ROOT / "tests" / "colab-constraints.txt").read_text(), re.MULTILINE)
    asked = requirements("notebooks", "test")
    for name, version in pins:
        least = asked.get(name, ">=0").removeprefix(">=")
        assert tuple(map(int, version.split("."))) >= tuple(map(int, least.split("."))), name


# The address.


def test_address_is_the_same_everywhere():
    repository = address().rpartition("/")[2]
    for path in repository_address.files():
        found = re.findall(rf"https://github\.com/[\w.-]+/{re.escape(repository)}(?![\w-])", path.read_text(encoding="utf-8"))
        assert set(found) <= {address()}, f"{path}: run `make address`"


def test_rewriting_the_address_changes_nothing_that_agrees():
    for path in repository_address.files():
        text = path.read_text(encoding="utf-8")
        assert rewrite(text, address(), address()) == text, f"{path}: run `make address`"


def test_rewriting_reaches_every_place():
    old, new = "https://github.com/OWNER/course", "https://github.com/me/fork"
    before = f'{badges("notebooks/a.ipynb", old)} "REPOSITORY = \\"{old}\\"\\n" git clone {old}.git; {old}-other; {old}/issues'
    after = f'{badges("notebooks/a.ipynb", new)} "REPOSITORY = \\"{new}\\"\\n" git clone {new}.git; {old}-other; {new}/issues'
    assert rewrite(before, old, new) == after
    stale = before.replace("OWNER", "somebody")  # badges and setup cell are found whatever stands there
    assert badges("notebooks/a.ipynb", new) in rewrite(stale, old, new)
    assert f'REPOSITORY = \\"{new}\\"' in rewrite(stale, old, new)


def test_rewriting_a_project(tmp_path, capsys):
    (tmp_path / "pyproject.toml").write_text('[project.urls]\nRepository = "https://github.com/OWNER/course"\n')
    (tmp_path / "README.md").write_text("See https://github.com/OWNER/course.\n")
    assert repository_address.main(["https://github.com/me/fork.git"], tmp_path) == 0
    assert address(tmp_path) == "https://github.com/me/fork"
    assert (tmp_path / "README.md").read_text() == "See https://github.com/me/fork.\n"
    assert repository_address.main(["me/fork"], tmp_path) == 2
    assert "looks like" in capsys.readouterr().err


# The README.


def code_blocks(language: str) -> str:
    return "\n".join(re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "weights/README.md", "weights/TODO.md"])
def test_local_links_and_pictures_exist(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    targets = re.findall(r'\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"', text)
    local = [(a or b).partition("#")[0] for a, b in targets if "://" not in (a or b)]
    assert not [target for target in local if target and not ((ROOT / name).parent / target).exists()]


def test_lessons_are_in_the_table_and_the_table_has_only_lessons():
    rows = [line for line in README.splitlines() if line.startswith("|") and "(notebooks/" in line]
    linked = [re.search(r"\((notebooks/[^)]+)\)", row).group(1) for row in rows]
    assert linked == LESSONS
    assert not [name for name, row in zip(linked, rows, strict=True) if badges(name, address()) not in row]


def test_readme_commands_are_understood():
    lines = [re.split("[#>]", line)[0] for line in code_blocks("bash").splitlines() if line.startswith("p2p train")]
    assert lines
    for line in lines:
        parser, arguments = train_parser(), line.split()[2:]
        if "-c" not in arguments:
            build_task(parser, parser.parse_args(arguments, defaults=False))


def test_readme_python_names_things_that_exist():
    import p2p_lib as p2p

    tree = ast.parse(code_blocks("python"))
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "p2p"}
    assert names
    assert not [name for name in names if not hasattr(p2p, name)]


def test_top_level_holds_only_what_was_agreed():
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    assert {name.partition("/")[0] for name in listed.stdout.splitlines() if "/" in name} <= DIRECTORIES
