"""The tree keeps to the numbers it is written to: short functions and files, typed, their errors named."""

from __future__ import annotations

import statistics

import pytest

from tools import style

# Lines; the aim is 200 a file and 40 a function: `tools/style.py` tells which are longer.
LONGEST_FILE, LONGEST_FUNCTION, MEDIAN = 320, 40, 10

ROOM = pytest.mark.parametrize("room", style.ROOMS)


def functions(room):
    return [each for file in style.files(room) for each in file.functions]


@ROOM
def test_files_and_functions_are_short(room):
    assert [file.where for file in style.files(room) if file.lines > LONGEST_FILE] == []
    assert [(each.where, each.name) for each in functions(room) if each.lines > LONGEST_FUNCTION] == []
    assert statistics.median(each.lines for each in functions(room)) <= MEDIAN


@ROOM
def test_every_argument_has_a_type(room):
    hooks = "hooks/"  # run by whatever Python has cookiecutter
    bare = [(each.where, each.name) for each in functions(room) if each.untyped]
    assert [found for found in bare if not found[0].startswith(hooks)] == []


@ROOM
def test_what_a_public_function_raises_its_docstring_names(room):
    assert [(each.where, each.name, each.unsaid) for each in functions(room) if each.unsaid] == []


def test_an_error_is_named_by_itself_or_by_a_class_of_ours_above_it(tmp_path, monkeypatch):
    says = {
        "Raise what is wrong.": ("SettingsError",),
        "Raise E504.": ("SettingsError",),
        "Raise SettingsErrors.": ("SettingsError",),
        "Raises Exception.": ("SettingsError",),
        "Raise SettingsError E504.": (),
        "Raise MLOpsError.": (),
    }
    parts = [f'def f{n}():\n    """{text}"""\n    raise SettingsError(1)\n' for n, text in enumerate(says)]
    parts += ['def g():\n    """Return."""\n    raise AssertionError\n']
    (tmp_path / "x.py").write_text("\n\n".join(parts))
    monkeypatch.setattr(style, "ROOT", tmp_path)
    assert [each.unsaid for each in style.read(tmp_path / "x.py").functions] == [*says.values(), ()]


def test_a_function_is_measured_as_it_is_written(tmp_path, monkeypatch):
    text = (
        "def f(self, a, *b, c: int = 1, **d: int):\n    '''Do it.'''\n    def g(): raise KeyError\n"
        "    if a:\n        raise errors.Bad('x')\n    raise\n\n\n"
        "def h():\n    '''Do it.\n\n    Raises:\n        Bad: always.\n    '''\n    raise Bad\n"
    )
    (tmp_path / "x.py").write_text(text)
    monkeypatch.setattr(style, "ROOT", tmp_path)
    first, *_, last = sorted(style.read(tmp_path / "x.py").functions, key=lambda each: each.name)
    assert (first.lines, first.arguments, first.untyped, first.unsaid) == (6, 4, ("a", "b"), ("Bad",))
    assert (last.lines, last.unsaid) == (7, ())
