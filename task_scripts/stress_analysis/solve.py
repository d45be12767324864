"""Solves plates by finite elements, each as a quarter in plane stress.

Writes `solved.csv`: the highest stress of each plate, which is at the edge of the hole, and at the
inner edge of NAFEMS LE1.
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

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
    Bend = Callable[[Points, Points], Points]  # the unit square, out and around, to a plate

_ALONG, _AROUND = 24, 32  # elements from the hole outwards, and around a quarter of it
_GRADING = 2.5  # how much finer the mesh is at the hole
_POISSON, _YOUNG = 0.3, 210_000.0  # steel; the stress does not depend on it
_LENGTH = 3.0  # over the width
_INNER, _OUTER = np.array([2.0, 1.0]), np.array([3.25, 2.75])  # half axes of LE1, in m


class Quarter:
    """The mesh of a quarter of a plate, and its edges.

    `bottom` and `side` lie on the axes of symmetry, and the tension pulls at `loaded`, outwards.
    `axis` is the direction of the stress that handbooks give.
    """

    def __init__(self, bend: "Bend", until: float, axis: int) -> None:
        out = np.linspace(0, 1, _ALONG + 1) ** _GRADING
        flat = skfem.MeshQuad.init_tensor(out, np.linspace(0, 1, _AROUND + 1))
        # Edges are found before the square is bent, where their places are exact.
        self.bottom, self.side = (_edge(flat, 1, at) for at in (0.0, 1.0))
        self.loaded = _edge(flat, 0, 1.0, most=until)
        mesh = skfem.MeshQuad2.from_mesh(flat)
        self.mesh = skfem.MeshQuad2(bend(*mesh.doflocs), mesh.t)
        self.axis = axis


def with_hole(ratio: float) -> Quarter:
    """Return a quarter of a plate of width 2, pulled at its ends."""

    def bend(out: "Points", around: "Points") -> "Points":
        angle = around * np.pi / 2
        hole = ratio * np.array([np.cos(angle), np.sin(angle)])
        outer = np.array([_LENGTH * np.minimum(2 - 2 * around, 1), np.minimum(2 * around, 1)])
        return np.asarray(hole + out * (outer - hole))

    return Quarter(bend, 0.5, axis=0)


def le1() -> Quarter:
    """Return NAFEMS LE1: a quarter of a membrane between two ellipses, pulled all around."""

    def bend(out: "Points", around: "Points") -> "Points":
        circle = np.array([np.cos(around * np.pi / 2), np.sin(around * np.pi / 2)])
        inner, outer = (axes[:, None] * circle for axes in (_INNER, _OUTER))
        return np.asarray(inner + out * (outer - inner))

    return Quarter(bend, 1.0, axis=1)


def _edge(mesh: skfem.Mesh, axis: int, at: float, most: float = 1.0) -> "Facets":
    found = mesh.facets_satisfying(
        lambda x: np.isclose(x[axis], at) & (x[1] <= most), boundaries_only=True
    )
    if not len(found):
        raise AssertionError("an edge of the plate has no elements")
    return np.asarray(found)


class Peak(NamedTuple):
    """The highest stress under a tension of 1, where it is, and the number of unknowns."""

    stress: float
    place: tuple[float, float]
    unknowns: int


def highest(quarter: Quarter) -> Peak:
    """Find the highest stress in the quarter's direction, under a tension of 1."""
    element = skfem.ElementVector(skfem.ElementQuad2())
    basis = skfem.Basis(quarter.mesh, element, intorder=6)
    # Plane stress: Lame's first constant is another one than in a solid.
    first, second = _YOUNG * _POISSON / (1 - _POISSON**2), _YOUNG / (2 * (1 + _POISSON))
    stiffness = linear_elasticity(first, second).assemble(basis)
    pull = skfem.LinearForm(lambda v, w: dot(w.n, v))
    load = pull.assemble(skfem.FacetBasis(quarter.mesh, element, facets=quarter.loaded, intorder=6))
    held = [
        basis.get_dofs(quarter.bottom).all("u^2"),
        basis.get_dofs(quarter.side).all("u^1"),
    ]
    moved = skfem.solve(*skfem.condense(stiffness, load, D=np.concatenate(held)))
    corners = (np.array([[0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 1.0, 1.0]]), np.ones(4))
    corner = skfem.Basis(quarter.mesh, element, quadrature=corners)
    strain = corner.interpolate(moved).grad
    stress = first * (strain[0, 0] + strain[1, 1]) + 2 * second * strain[quarter.axis, quarter.axis]
    at = np.unravel_index(stress.argmax(), stress.shape)
    x, y = (float(axis[at]) for axis in corner.global_coordinates())
    return Peak(float(stress[at]), (x, y), len(load))


def solved(plate: plates.Plate) -> plates.Solved:
    """Solve a plate."""
    peak = highest(le1() if plate.ratio is None else with_hole(plate.ratio))
    return plates.Solved(plate, peak.stress * plate.tension, peak.unknowns)


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
    plates.write_solved(asked.output / "solved.csv", map(solved, given))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
