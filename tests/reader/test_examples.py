"""The examples of the docstrings, on the finished small study."""

import doctest
import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from imprint import reader

pytestmark = pytest.mark.slow

FILES = sorted(Path(reader.__file__).parent.glob("[a-z]*.py"))
RUNNER = {"optionflags": doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE}


@pytest.mark.parametrize("name", [file.stem for file in FILES])
def test_examples(study, name):
    module = importlib.import_module(f"imprint.reader.{name}")
    given = {"study": study, "folder": study.folder, "np": np, "pd": pd, "xr": xr, "Path": Path}
    runner = doctest.DocTestRunner(**RUNNER)
    tests = [test for test in doctest.DocTestFinder().find(module, globs=vars(module) | given) if test.examples]
    assert tests, "public names have an example"
    for test in tests:
        failed = runner.run(test).failed
        assert not failed, test.name
