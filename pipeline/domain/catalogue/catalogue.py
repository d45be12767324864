"""The catalogue: all pipelines and pools of a deployment, read and checked together."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ValidationError

from pipeline.domain.catalogue import programs
from pipeline.domain.catalogue.chains import chain_cycles, strangers
from pipeline.domain.catalogue.checks import check_pipeline
from pipeline.domain.catalogue.containers import check_containers
from pipeline.domain.catalogue.file import (
    Document,
    Plain,
    Problem,
    UnreadableFile,
    Where,
    read_document,
)
from pipeline.domain.catalogue.gpus import check_gpus
from pipeline.domain.catalogue.problems import limited, problems_of, without
from pipeline.domain.definitions.nodes.start_task import MAX_SCRIPT_BYTES, objection
from pipeline.domain.definitions.pipeline import Pipeline, PipelineBody
from pipeline.domain.definitions.pool import Pool, PoolBody
from pipeline.domain.definitions.room import misfits
from pipeline.domain.definitions.types import SMOKE
from pipeline.domain.notation.spelling import nearest
from pipeline.errors import NotFound, Permanent

# A run keeps its definition in one column of a table, which holds 32,768 UTF-16 units.
MAX_CHARACTERS = 30_000


class DefinitionError(Permanent):
    """A definition cannot be used."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All pipelines and pools by name."""

    pipelines: dict[str, Pipeline]
    pools: dict[str, Pool]

    @property
    def programs(self) -> set[str]:
        """The programs of task_scripts/ that pipelines name."""
        stages = (
            stage
            for one in self.pipelines.values()
            for stage in (one.task, one.split.program, one.assemble.program)
        )
        return {stage.program for stage in stages if stage and stage.program}

    @property
    def environments(self) -> dict[str, list[str]]:
        """The processors of the nodes for which pipelines want each environment."""
        found: dict[str, set[str]] = {}
        for one in self.pipelines.values():
            for stage in one.stages.values():
                if stage.environment and one.pool in self.pools:
                    architecture = self.pools[one.pool].architecture
                    found.setdefault(stage.environment, set()).add(architecture)
        return {name: sorted(found[name]) for name in sorted(found)}

    def pipeline(self, name: str) -> Pipeline:
        """Return a pipeline by name. Raises NotFound, which names the nearest one, and all."""
        if name not in self.pipelines:
            listed = ", ".join(sorted(self.pipelines)) or "none"
            hint = nearest(name, self.pipelines)
            raise NotFound(f"There is no pipeline {name[:60]!r}{hint} (known: {listed}).")
        return self.pipelines[name]


def load_catalogue(pipelines_dir: Path, pools_dir: Path, scripts_dir: Path) -> Catalogue:
    """Read all definitions. Raises DefinitionError, which lists every problem of every file."""
    loading = _Loading(scripts_dir)
    pools = loading.with_scripts(pools_dir, dict(loading.files(pools_dir, PoolBody, Pool)))
    known_pools = [path.stem for path in _definition_files(pools_dir)]
    pipelines = dict(loading.files(pipelines_dir, PipelineBody, Pipeline))
    for name, pipeline in (*pipelines.items(), *loading.parts.items()):
        loading.check(name, pipeline, pools, known_pools)
    known_pipelines = [path.stem for path in _definition_files(pipelines_dir)]
    for name, reason in (
        *strangers({**pipelines, **loading.parts}, known_pipelines),
        *chain_cycles(pipelines),
    ):
        loading.blame(name, ("trigger", "run"), reason)
    if loading.problems:
        found = limited(sorted(loading.problems, key=lambda problem: problem.file))
        raise DefinitionError("\n".join(str(problem) for problem in found))
    return Catalogue(pipelines, pools)


@dataclass(slots=True)
class _Loading:
    """Collects documents and problems while the files are read."""

    scripts_dir: Path
    documents: dict[str, Document] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    parts: dict[str, Pipeline] = field(default_factory=dict)  # what is right of files with problems

    def files[M: BaseModel](
        self, folder: Path, body: type[BaseModel], model: type[M]
    ) -> Iterator[tuple[str, M]]:
        """Yield each definition of a folder that is valid by itself, with its name."""
        if not folder.is_dir():
            self.problems.append(Problem(folder.name, 0, "", "the folder does not exist"))
            return
        for path in sorted(folder.glob("*.yml")):
            place = f"{folder.name}/{path.name}"
            self.problems.append(Problem(place, 0, "", f"rename it to {path.stem}.yaml"))
        for path in _definition_files(folder):
            try:
                document = read_document(path)
            except UnreadableFile as error:
                self.problems.extend(error.problems)
                continue
            found = self._model(document, path.stem, body, model)
            if found is not None:
                yield path.stem, found

    def with_scripts(self, folder: Path, pools: Mapping[str, Pool]) -> dict[str, Pool]:
        """Return the pools with the scripts that they run when a node starts."""
        return {name: self._with_script(folder, pool) for name, pool in pools.items()}

    def _with_script(self, folder: Path, pool: Pool) -> Pool:
        if pool.start is None:
            return pool
        try:
            with (folder / pool.start).open("rb") as stream:
                script = stream.read(MAX_SCRIPT_BYTES + 1)
        except OSError as error:
            found: str | None = f"cannot be read: {error.strerror}"
        else:
            found = objection(script)
        if found:
            self.blame(pool.name, ("start",), f"pools/{pool.start} {found}")
            return pool
        return pool.model_copy(update={"script": script.decode()})

    def _model[M: BaseModel](
        self, document: Document, name: str, body: type[BaseModel], model: type[M]
    ) -> M | None:
        self.documents[name] = document
        self.problems.extend(document.problems)
        if "name" in document.data:
            reason = "unknown key: the name of the file is the name"
            self.problems.append(document.problem(("name",), reason))
        data: dict[str, Plain] = {**document.data, "name": name}
        try:
            # As JSON, because strict models accept lists, dates and enums only from JSON.
            return model.model_validate_json(json.dumps(data))
        except ValidationError as error:
            self.problems.extend(problems_of(body, error, document))
            self._keep_part(name, model, data, error)
            return None

    def _keep_part(
        self, name: str, model: type[BaseModel], data: dict[str, Plain], error: ValidationError
    ) -> None:
        """Keep what is right of a pipeline, so that all its problems are told at once."""
        rest = without(data, error) if model is Pipeline else None
        with suppress(ValidationError):
            if rest is not None:
                self.parts[name] = Pipeline.model_validate_json(json.dumps(rest))

    def blame(self, name: str, where: Where, reason: str) -> None:
        """Note a problem of a pipeline."""
        self.problems.append(self.documents[name].problem(where, reason))

    def check(
        self, name: str, pipeline: Pipeline, pools: dict[str, Pool], known_pools: list[str]
    ) -> None:
        """Compare a pipeline with itself, its pool and the scripts."""
        if name == SMOKE:
            self.blame(name, (), "the name belongs to `fanfare smoke`: rename the file")
        # A wrong image was left out of a part: it is no image that is missing.
        boxes = () if name in self.parts else check_containers(pipeline, pools)
        for where, reason in (*check_pipeline(pipeline), *boxes, *check_gpus(pipeline, pools)):
            self.blame(name, where, reason)
        characters = len(pipeline.to_json().encode("utf-16-le")) // 2
        if characters > MAX_CHARACTERS:
            reason = (
                f"it has {characters:,} characters, but a run can keep a copy of at most "
                f"{MAX_CHARACTERS:,}: move long texts into files beside the program"
            )
            self.blame(name, (), reason)
        pool = pools.get(pipeline.pool)
        if pipeline.pool not in known_pools:
            hint = nearest(pipeline.pool, known_pools)
            self.blame(name, ("pool",), f"there is no pools/{pipeline.pool}.yaml{hint}")
        for key, reason in misfits(pipeline.task, pool) if pool else ():
            self.blame(name, ("task", key), reason)
        self._check_scripts(name, pipeline)

    def _check_scripts(self, name: str, pipeline: Pipeline) -> None:
        for where, stage in pipeline.stages.items():
            if stage.program:
                self._check_program(name, (*where, "program"), stage.program)
            if stage.environment:
                self._check_environment(name, where, stage.environment, stage.program)

    def _check_program(self, name: str, where: Where, file: str) -> None:
        if programs.is_engines(file):
            self.blame(name, where, f"{file} belongs to the engine: use another file name")
        elif not (self.scripts_dir / file).exists():
            known = [n for n in programs.names(self.scripts_dir) if not programs.is_engines(n)]
            place = f"{self.scripts_dir.name}/{file}"
            self.blame(name, where, f"there is no {place}{nearest(file, known)}")
        elif reason := programs.objection(file, self.scripts_dir):
            self.blame(name, where, reason)

    def _check_environment(
        self, name: str, stage: Where, environment: str, program: str | None
    ) -> None:
        where, file = (*stage, "environment"), f"environments/{environment}.txt"
        if not (self.scripts_dir / file).is_file():
            known = [path.stem for path in sorted(self.scripts_dir.glob("environments/*.txt"))]
            place = f"{self.scripts_dir.name}/{file}"
            self.blame(name, where, f"there is no {place}{nearest(environment, known)}")
        elif program and not programs.is_python(program, self.scripts_dir):
            self.blame(
                name, where, f"{program} is no Python program: it would not get the packages"
            )


def _definition_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.yaml") if not path.name.startswith("."))
