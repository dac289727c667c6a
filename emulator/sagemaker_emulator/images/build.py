"""Build an image: the stages that the target needs, each a folder of what it COPYs. RUN is not run."""

from __future__ import annotations

import glob
import os
import posixpath
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from sagemaker_emulator.images.dockerfile import Copy, DockerfileError, Stage, parse
from sagemaker_emulator.images.ignore import Ignore
from sagemaker_emulator.images.store import Image, ImageMissing, Store


def build(
    store: Store, tag: str, context: Path, dockerfile: Path, target: str | None, build_args: Mapping[str, str]
) -> Image:
    """Build `target` (the last stage unless named) and keep it as `tag`. Raises DockerfileError."""
    stages = parse(dockerfile.read_text(encoding="utf-8"), build_args)
    with tempfile.TemporaryDirectory(prefix="sagemaker-emulator-build-") as scratch:
        builder = _Builder(store, stages, context, Ignore.read(context, dockerfile), Path(scratch))
        image, tree = builder.stage(_find(stages, target))
        kept = store.staging()  # on the store's own file system, where a rename can keep it
        shutil.copytree(tree, kept, symlinks=True, dirs_exist_ok=True)
        return store.add(tag, image, kept)


class _Builder:
    """Builds each stage once, on demand: a stage nobody needs costs nothing."""

    def __init__(
        self, store: Store, stages: list[Stage], context: Path, ignore: Ignore, scratch: Path
    ) -> None:
        self._store, self._stages, self._context = store, stages, context
        self._ignore, self._scratch = ignore, scratch
        self._built: dict[str, tuple[Image, Path]] = {}

    def stage(self, stage: Stage) -> tuple[Image, Path]:
        if stage.name not in self._built:
            base, tree = self._base(stage)
            image = _configured(base, stage)
            for copy in stage.steps:
                self._copy(copy, stage, tree, image.workdir)
            self._built[stage.name] = (image, tree)
        return self._built[stage.name]

    def _base(self, stage: Stage) -> tuple[Image, Path]:
        tree = Path(tempfile.mkdtemp(dir=self._scratch))
        earlier = self._earlier(stage.base, before=stage)
        if earlier is not None:
            image, files = self.stage(earlier)
        else:
            try:
                image = self._store.local(stage.base)
            except ImageMissing:  # an image of a public registry: its files are this machine's
                return Image(), tree
            files = image.files or tree
        shutil.copytree(files, tree, symlinks=True, dirs_exist_ok=True)
        return image, tree

    def _earlier(self, name: str, before: Stage) -> Stage | None:
        earlier = self._stages[: self._stages.index(before)]
        by_name = {stage.name: stage for stage in earlier} | {str(i): s for i, s in enumerate(earlier)}
        return by_name.get(name)

    def _copy(self, copy: Copy, stage: Stage, tree: Path, workdir: str) -> None:
        root = self._context
        if copy.stage is not None:
            earlier = self._earlier(copy.stage, before=stage)
            if earlier is None:
                _say(f"line {copy.line}: COPY --from={copy.stage} skipped: that image is not in the store")
                return
            root = self.stage(earlier)[1]
        target = tree / posixpath.normpath(posixpath.join(workdir, copy.target)).lstrip("/")
        many = len(copy.sources) > 1 or copy.target.endswith("/") or copy.target in (".", "./")
        for source in copy.sources:
            found = self._matches(root, source, from_stage=copy.stage is not None)
            if not found and copy.stage is not None:
                _say(
                    f"line {copy.line}: COPY --from={copy.stage} {source} skipped: "
                    "RUN makes it, RUN is not run"
                )
            elif not found:
                raise DockerfileError(f'line {copy.line}: COPY {source}: "/{source.lstrip("/")}": not found')
            for path in found:
                self._copy_path(root, path, target, into=many or len(found) > 1, hide=copy.stage is None)

    def _matches(self, root: Path, source: str, from_stage: bool) -> list[Path]:
        relative = posixpath.normpath(source.lstrip("/") or ".")
        if relative.startswith(".."):
            raise DockerfileError(f"COPY {source}: outside of the build context")
        found = glob.glob(relative, root_dir=root, include_hidden=True)  # noqa: PTH207 - Path.glob hides nothing
        paths = [root / name for name in sorted(found)]
        return [p for p in paths if from_stage or p.is_dir() or not self._ignore.hides(_posix(p, root))]

    def _copy_path(self, root: Path, path: Path, target: Path, into: bool, hide: bool) -> None:
        if not path.is_dir():
            destination = target / path.name if into or target.is_dir() else target
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, destination, follow_symlinks=False)
            return
        target.mkdir(parents=True, exist_ok=True)
        for folder, folders, files in os.walk(path):
            folders.sort()
            for name in sorted(files):
                file = Path(folder) / name
                if hide and self._ignore.hides(_posix(file, root)):
                    continue
                destination = target / file.relative_to(path)
                destination.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, destination, follow_symlinks=False)


def _configured(base: Image, stage: Stage) -> Image:
    return replace(
        base,
        entrypoint=stage.entrypoint if stage.entrypoint is not None else base.entrypoint,
        cmd=stage.cmd if stage.cmd is not None else base.cmd,
        workdir=posixpath.join(base.workdir, stage.workdir or "").rstrip("/") or "/",
        env={**base.env, **stage.env},
        labels={**base.labels, **stage.labels},
        exposed=[*base.exposed, *stage.exposed],
        user=stage.user or base.user,
        runs=[*base.runs, *stage.runs],
        digest="",
        files=None,
    )


def _find(stages: list[Stage], target: str | None) -> Stage:
    if target is None:
        return stages[-1]
    for index, stage in enumerate(stages):
        if target in (stage.name, str(index)):
            return stage
    raise DockerfileError(f"target stage {target!r} could not be found")


def _posix(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _say(text: str) -> None:
    print(f"sagemaker-emulator build: {text}", file=sys.stderr)
