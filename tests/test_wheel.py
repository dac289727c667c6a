"""The wheel in vendor/ is what emulator/ builds, to the byte."""

from __future__ import annotations

from conftest import INNER, ROOT

from tools import vendor


def test_the_vendored_wheel_holds_the_emulators_source():
    (wheel,) = (INNER / "vendor").glob("*.whl")
    package = ROOT / "emulator" / "sagemaker_emulator"
    source = {
        str(path.relative_to(package.parent)): path.read_bytes()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    held = vendor.contents(wheel)
    differing = sorted(name for name in source.keys() | held.keys() if source.get(name) != held.get(name))
    assert differing == [], "run: make vendor"


def test_building_twice_gives_the_same_bytes(tmp_path):
    first, second = (vendor.build(tmp_path / name).read_bytes() for name in ("a", "b"))
    assert first == second
