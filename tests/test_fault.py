"""What is said of an error that nobody foresaw."""

import errno
import os
import resource

import pytest
import torch

from imprint import fault


def of(call):
    with pytest.raises(Exception) as caught:
        call()
    return fault.told(caught.value)


def test_it_names_the_last_file_that_is_not_installed():
    def call():
        torch.zeros(2).reshape(3)

    line = call.__code__.co_firstlineno + 1
    said = of(call)
    assert said.startswith("RuntimeError: shape '[3]' is invalid")
    assert said.endswith(f" ({__file__}, line {line}); see to that file and run again")


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: 12 bytes")])
@pytest.mark.parametrize(("limit", "words"), [(resource.RLIM_INFINITY, ""), (2**30, ", of which 1024 MiB are allowed")])
def test_memory_that_is_not_enough(monkeypatch, error, limit, words):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))

    def call():
        raise error

    assert of(call).startswith(f"out of memory{words} ({__file__}, line ")
    assert "raise the limit" in of(call)


def test_a_disk_that_is_full():
    """As where a line cannot be written to a log: the error names no file."""

    def call():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    assert of(call).endswith("; free some space on its disk and run again")
    assert "No space left on device" in of(call)
