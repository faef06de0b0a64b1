"""Notebooks as plain JSON: what is none is told with the first thing that it lacks."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from compendium.corpus.errors import DataError
from compendium.execution import notebook
from compendium.execution.notebook import plain_notebook
from compendium.execution.parameters import read_notebook

CELL = {"cell_type": "code", "source": ["1 +", " 1"], "metadata": {"tags": ["parameters"]}, "outputs": [{"output_type": "stream"}]}


def written(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_notebook_comes_as_it_stands(tmp_path: Path) -> None:
    content = {"nbformat": 4, "cells": [CELL, {"cell_type": "markdown", "source": "# Words"}]}
    assert plain_notebook(written(tmp_path / "T1.ipynb", content)) == content


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "not a notebook: Expecting property name"),
        ("[" * 100_000, "not a notebook: "),
        ("[]", "not a notebook of format 4"),
        ({"nbformat": 3, "cells": []}, "not a notebook of format 4"),
        ({"nbformat": 4, "metadata": [], "cells": []}, "not a notebook of format 4"),
        ({"nbformat": 4}, "not a notebook: it has no list of cells"),
        ({"nbformat": 4, "cells": {}}, "not a notebook: it has no list of cells"),
    ],
)
def test_what_is_no_notebook_is_told(tmp_path: Path, content: Any, told: str) -> None:
    with pytest.raises(DataError, match=rf"^T1\.ipynb: {re.escape(told)}"):
        plain_notebook(written(tmp_path / "T1.ipynb", content))


@pytest.mark.parametrize(
    ("cell", "lacks"),
    [
        ("1 + 1", "kind"),
        ({**CELL, "cell_type": 1}, "kind"),
        ({"cell_type": "code"}, "source"),
        ({**CELL, "source": ["1", 2]}, "source"),
        ({**CELL, "metadata": []}, "metadata"),
        ({**CELL, "metadata": {"tags": "parameters"}}, "list of tags"),
        ({**CELL, "metadata": {"tags": [1]}}, "list of tags"),
        ({**CELL, "outputs": {}}, "list of outputs"),
        ({**CELL, "outputs": ["2"]}, "list of outputs"),
    ],
)
def test_a_cell_that_is_none_is_told_by_number_and_lack(tmp_path: Path, cell: Any, lacks: str) -> None:
    path = written(tmp_path / "T1.ipynb", {"nbformat": 4, "cells": [CELL, cell]})
    with pytest.raises(DataError, match=rf"^T1\.ipynb: not a notebook: cell 2 has no {lacks}$"):
        plain_notebook(path)


def test_a_file_too_large_is_not_read(tmp_path: Path) -> None:
    path = written(tmp_path / "T1.ipynb", {"nbformat": 4, "cells": []})
    os.truncate(path, notebook.LIMIT + 1)  # a hole, which takes no room
    with pytest.raises(DataError, match=r"^T1\.ipynb: 20,000,001 bytes; at most 20,000,000 are read$"):
        plain_notebook(path)


# Read to be run


def test_a_notebook_to_be_run_has_no_outputs(tmp_path: Path) -> None:
    content = {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [{**CELL, "outputs": [], "execution_count": None}]}
    shown = {**content, "cells": [{**content["cells"][0], "outputs": [{"output_type": "stream", "name": "stdout", "text": "2"}]}]}
    assert read_notebook(written(tmp_path / "T1.ipynb", shown)) == read_notebook(written(tmp_path / "T2.ipynb", content))


def test_a_notebook_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^there is no notebook 'T9'; there are none$"):
        read_notebook(tmp_path / "T9.ipynb")
    for name in ("T2", "T1"):
        written(tmp_path / f"{name}.ipynb", {"nbformat": 4, "cells": []})
    with pytest.raises(DataError, match=r"^there is no notebook 'T9'; there are T1, T2$"):
        read_notebook(tmp_path / "T9.ipynb")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"nbformat_minor": "five", "metadata": {}}, "AssertionError"),  # an error without words is told by its name
        ({"nbformat_minor": []}, "The notebook is invalid and is missing an expected key: metadata"),
    ],
)
def test_a_notebook_that_its_library_refuses_is_told_in_one_line(tmp_path: Path, more: dict[str, Any], told: str) -> None:
    with pytest.raises(DataError) as error:
        read_notebook(written(tmp_path / "T1.ipynb", {"nbformat": 4, "cells": [], **more}))
    assert str(error.value) == f"T1.ipynb: not a notebook: {told}"
