"""The wheels in vendor/ are what emulator/ and gitops/ build, to the byte."""

from __future__ import annotations

import pytest

from tools import vendor

EACH = pytest.mark.parametrize("item", vendor.VENDORED, ids=lambda item: item.folder)


@EACH
def test_the_vendored_wheel_holds_the_source(item):
    (wheel,) = item.wheels
    source = {
        str(path.relative_to(item.source.parent)): path.read_bytes()
        for path in item.source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    held = vendor.contents(wheel)
    differing = sorted(name for name in source.keys() | held.keys() if source.get(name) != held.get(name))
    assert differing == [], "run: make vendor"


@EACH
def test_building_twice_gives_the_same_bytes(item, tmp_path):
    first, second = (vendor.build(item, tmp_path / name).read_bytes() for name in ("a", "b"))
    assert first == second
