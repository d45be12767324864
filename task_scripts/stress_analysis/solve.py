"""Solves plates with a hole by finite elements, each as a quarter in plane stress.

Writes `solved.csv`: the highest stress of each plate, which is at the edge of the hole.
"""

import argparse
import csv
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import skfem  # type: ignore[import-untyped]  # has no type information
from skfem.helpers import dot  # type: ignore[import-untyped]  # likewise
from skfem.models.elasticity import linear_elasticity  # type: ignore[import-untyped]  # likewise

if TYPE_CHECKING or __package__:
    from task_scripts.stress_analysis import plates
else:  # on a node the files are in one folder
    import plates

if TYPE_CHECKING:
    Facets = np.typing.NDArray[np.int64]
    Points = np.typing.NDArray[np.float64]

_ALONG, _AROUND = 24, 32  # elements from the hole outwards, and around a quarter of it
_GRADING = 2.5  # how much finer the mesh is at the hole
_POISSON, _YOUNG = 0.3, 210_000.0  # steel; the stress does not depend on it
_LENGTH = 3.0  # over the width


class Quarter:
    """The mesh of a quarter of a plate of width 2 and of its length, and its edges."""

    def __init__(self, ratio: float) -> None:
        out = np.linspace(0, 1, _ALONG + 1) ** _GRADING
        flat = skfem.MeshQuad.init_tensor(out, np.linspace(0, 1, _AROUND + 1))
        # Edges are found before the square is bent, where their places are exact.
        self.bottom, self.side = (_edge(flat, 1, at) for at in (0.0, 1.0))
        self.end = _edge(flat, 0, 1.0, most=0.5)
        mesh = skfem.MeshQuad2.from_mesh(flat)
        self.mesh = skfem.MeshQuad2(_bent(mesh.doflocs, ratio), mesh.t)


def _edge(mesh: skfem.Mesh, axis: int, at: float, most: float = 1.0) -> "Facets":
    found = mesh.facets_satisfying(
        lambda x: np.isclose(x[axis], at) & (x[1] <= most), boundaries_only=True
    )
    if not len(found):
        raise AssertionError("an edge of the plate has no elements")
    return np.asarray(found)


def _bent(square: "Points", ratio: float) -> "Points":
    """Bend the unit square: its left side becomes the hole, its right one the outer edges."""
    out, around = square
    angle = around * np.pi / 2
    hole = ratio * np.array([np.cos(angle), np.sin(angle)])
    outer = np.array([_LENGTH * np.minimum(2 - 2 * around, 1), np.minimum(2 * around, 1)])
    bent: Points = hole + out * (outer - hole)
    return bent


def highest(ratio: float) -> tuple[float, int]:
    """Return the highest stress under a tension of 1, and the number of unknowns."""
    quarter = Quarter(ratio)
    element = skfem.ElementVector(skfem.ElementQuad2())
    basis = skfem.Basis(quarter.mesh, element, intorder=6)
    # Plane stress: Lame's first constant is another one than in a solid.
    first, second = _YOUNG * _POISSON / (1 - _POISSON**2), _YOUNG / (2 * (1 + _POISSON))
    stiffness = linear_elasticity(first, second).assemble(basis)
    pull = skfem.LinearForm(lambda v, _: dot(np.array([1.0, 0.0])[:, None, None], v))
    load = pull.assemble(skfem.FacetBasis(quarter.mesh, element, facets=quarter.end, intorder=6))
    held = [
        basis.get_dofs(quarter.bottom).all("u^2"),
        basis.get_dofs(quarter.side).all("u^1"),
    ]
    moved = skfem.solve(*skfem.condense(stiffness, load, D=np.concatenate(held)))
    corners = (np.array([[0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 1.0, 1.0]]), np.ones(4))
    strain = skfem.Basis(quarter.mesh, element, quadrature=corners).interpolate(moved).grad
    stress = (first + 2 * second) * strain[0, 0] + first * strain[1, 1]
    return float(stress.max()), len(load)


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Solve the plates of a table, and write the highest stress of each."""
    del environ
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--plates", type=Path, required=True, help="a CSV")
    parser.add_argument("--output", type=Path, required=True, help="an empty folder")
    asked = parser.parse_args(argv)
    try:
        given = plates.read_plates(asked.plates)
    except plates.Unusable as error:
        sys.stderr.write(f"The plates were refused: {error}.\n")
        return 1
    with (asked.output / "solved.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(plates.Solved._fields)
        for plate in given:
            factor, unknowns = highest(plate.ratio)
            writer.writerow([*plate, round(factor * plate.tension, 6), unknowns])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
