"""The project's files agree with each other."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from compendium.corpus.corpus import Corpus
from compendium.corpus.package import describe

FLOORS = ["model", "corpus", "checking", "display", "chapter", "execution", "book", "classroom", "cli"]


def locked(root: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9._-]+)==([^\s;\\]+)", (root / "requirements.lock").read_text(), re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


def test_the_lock_satisfies_the_project(root: Path) -> None:
    from packaging.requirements import Requirement

    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(r for group in project["optional-dependencies"].values() for r in group)]
    lock = locked(root)
    wanted = [line for line in wanted if not line.startswith("nbgrader")]  # in requirements-course.lock
    for line in wanted:
        requirement = Requirement(line)
        versions = lock.get(requirement.name.lower().replace("_", "-"))
        assert versions, f"{requirement.name} is not in requirements.lock; run make lock"
        assert all(requirement.specifier.contains(v, prereleases=True) for v in versions), line


def test_what_is_installed_is_what_the_lock_names(root: Path) -> None:
    from importlib.metadata import distributions

    from packaging.utils import canonicalize_name

    lock = locked(root)
    installed = {canonicalize_name(found.name): found.version for found in distributions()}
    assert {name: version for name, version in installed.items() if version not in lock.get(name, set())}.keys() <= {"compendium", "pip", "setuptools"}


def test_setting_up_leaves_nothing_to_resolve(root: Path) -> None:
    installs = [line for line in (root / "Makefile").read_text().splitlines() if "pip install" in line]
    assert len(installs) == 4
    assert all("--no-deps" in line for line in installs)


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-course.lock"])
def test_every_locked_package_has_a_hash(root: Path, name: str) -> None:
    blocks = re.split(r"\n(?=[a-z0-9])", (root / name).read_text())
    assert all("--hash=sha256:" in block for block in blocks if "==" in block)


def test_conda_users_get_the_same_versions(root: Path) -> None:
    environment = yaml.safe_load((root / "environment.yml").read_text())
    pip = next(d["pip"] for d in environment["dependencies"] if isinstance(d, dict))
    assert pip == ["--require-hashes", "-r requirements.lock"]
    requires = tomllib.loads((root / "pyproject.toml").read_text())["project"]["requires-python"]
    assert requires == ">=3.11"
    assert "python=3.11" in environment["dependencies"]


def test_no_registry_address(root: Path) -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True, check=True).stdout.split("\n")
    pattern = re.compile(r"(pypi|pythonhosted|npmjs|debian)\.(org|com)|index-url\s+\S*//|registry\.")
    guilty = [name for name in listed if name and name != "tests/test_project.py" and (root / name).is_file()
              and pattern.search((root / name).read_text(encoding="utf-8", errors="ignore"))]  # fmt: skip
    assert guilty == []


def test_the_data_package_is_up_to_date(root: Path) -> None:
    written = json.loads((root / "data" / "datapackage.json").read_text())
    assert written == json.loads(json.dumps(describe(Corpus(root / "data")))), "run compendium check --describe"


def test_imports_run_one_way(root: Path) -> None:
    package = root / "src" / "compendium"

    def floor(parts: tuple[str, ...]) -> int:
        name = parts[0].removesuffix(".py")
        return FLOORS.index(name) if name in FLOORS else -1

    for path in package.rglob("*.py"):
        here = floor(path.relative_to(package).parts)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("compendium."):
                there = floor(tuple(node.module.split(".")[1:]))
                assert here == -1 or there <= here, f"{path.relative_to(root)} imports {node.module}"


def test_the_promises_name_tests_that_exist(root: Path) -> None:
    named = re.findall(r"`((?:\w+/)?test_\w+\.py)(?:::(test_\w+))?`", (root / "SECURITY.md").read_text())
    assert len(named) > 15
    for path, test in named:
        assert f"def {test}" in (root / "tests" / path).read_text(), f"{path} has no {test}"


def test_citation_and_package_have_one_version(root: Path) -> None:
    import compendium

    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    assert yaml.safe_load((root / "CITATION.cff").read_text())["version"] == version == compendium.__version__


@pytest.mark.parametrize("name", ["README.md", "REPRODUCING.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "data/README.md"])
def test_the_papers_are_there(root: Path, name: str) -> None:
    text = (root / name).read_text()
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (root / name).parent.joinpath(target).exists(), f"{name} links to {target}"
