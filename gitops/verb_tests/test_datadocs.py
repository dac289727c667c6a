"""`data docs` says where the page is, or why there is none."""

from __future__ import annotations

import subprocess

import pytest

from sagemaker_gitops import datadocs
from sagemaker_gitops.errors import DataRefused


def ended(code, out="", err=""):
    return lambda *_, **__: subprocess.CompletedProcess([], code, out, err)


def test_it_says_where_the_page_is(make_settings, monkeypatch):
    monkeypatch.setattr(datadocs.subprocess, "run", ended(0, "build/data_docs.html: shows values\n"))
    assert datadocs.write(make_settings()) == "build/data_docs.html: shows values"


def test_it_says_why_there_is_none(make_settings, monkeypatch):
    monkeypatch.setattr(datadocs.subprocess, "run", ended(1, err="no Data Docs: a.parquet is not here\n"))
    with pytest.raises(DataRefused) as refused:
        datadocs.write(make_settings())
    assert (refused.value.code, refused.value.why) == ("E201", "a.parquet is not here")
