"""The stress beside a hole is that of Peterson and Kirsch, that of a membrane NAFEMS's."""

import csv
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from pipeline.cli.samples import plates as samples
from task_scripts.stress_analysis.plates import LE1_FACTOR, Unusable, peterson, read_plates
from task_scripts.stress_analysis.solve import highest, le1, with_hole
from tests.workloads.programs import Program, Start, parts_of

HEADER = "name,width,diameter,tension\n"
SHAPED = "name,width,diameter,tension,shape\n"
TOLERANCE = 0.02


@pytest.fixture
def stress(program: Start) -> Program:
    return program("stress_analysis")


def written(folder: Path, text: str) -> Path:
    path = folder / "plates.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize("ratio", [0.02, 0.1, 0.3, 0.5, 0.8])
def test_the_stress_beside_a_hole_is_that_of_peterson(ratio):
    peak = highest(with_hole(ratio))
    assert peak.stress == pytest.approx(peterson(ratio), rel=TOLERANCE)
    assert peak.place == pytest.approx((0, ratio), abs=1e-9)
    assert peak.unknowns > 5000


def test_a_small_hole_triples_the_stress_as_kirsch_found():
    assert highest(with_hole(0.02)).stress == pytest.approx(3, rel=0.003)
    assert peterson(0) == pytest.approx(3, rel=0.002)


def test_the_stress_of_le1_is_that_of_nafems_at_d():
    peak = highest(le1())
    assert 10 * peak.stress == pytest.approx(92.7, rel=0.005)
    assert pytest.approx((2, 0), abs=1e-9) == peak.place


def test_the_sample_becomes_a_table_and_a_curve(stress):
    lines = samples.holes().decode().splitlines()
    done = []
    for rows in (lines[1:4], [lines[-1], lines[4]]):
        table = written(stress.folder, "\n".join([lines[0], *rows, ""]))
        done.append(stress("solve", "--plates", table, "--output", "{output}"))
    made = stress("curve", "--parts", parts_of(stress.folder, done), "--output", "{output}")
    assert made.code == 0, [one.said for one in (*done, made)]
    with (made.output / "envelope.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["hole-5", "hole-10", "hole-15", "hole-20", "le1"]
    le1 = rows.pop()
    assert float(le1["highest"]) == pytest.approx(92.7, rel=0.005)
    assert (le1["ratio"], float(le1["expected"])) == ("", LE1_FACTOR)
    assert abs(float(le1["percent_off"])) < 0.5
    for row in rows:
        assert abs(float(row["percent_off"])) < 100 * TOLERANCE
        assert float(row["highest"]) == pytest.approx(80 * float(row["factor"]), rel=1e-4)
    chart = ET.parse(made.output / "curve.svg").getroot()
    assert len(chart.findall("{http://www.w3.org/2000/svg}circle")) == 4


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a,100,90,1", "line 2: the diameter has to be 0.02 to 0.8"),
        ("a,100,1,1", "line 2: the diameter has to be"),
        ("a,wide,10,1", "line 2: width has to be a number above 0"),
        ("a,100,10,-1", "line 2: tension has to be"),
        ("a,100,10", "line 2: tension has to be"),
        ("a,inf,10,1", "line 2: width has to be"),
        ("=1+1,100,10,1", "line 2: a name begins with a letter"),
    ],
)
def test_a_plate_that_cannot_be_solved_is_refused_with_its_line(tmp_path, row, reason):
    with pytest.raises(Unusable, match=reason):
        read_plates(written(tmp_path, f"{HEADER}{row}\n"))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a,100,10,1,le1", "line 2: the shape has to be hole or nafems-le1"),
        ("a,100,,1,nafems-le1", "line 2: nafems-le1 has a size of its own: leave width empty"),
        ("a,,10,1,nafems-le1", "leave diameter empty"),
        ("a,,,0,nafems-le1", "line 2: tension has to be a number above 0"),
        ("a,,,1,hole", "line 2: width has to be a number above 0"),
    ],
)
def test_a_shape_that_cannot_be_solved_is_refused_with_its_line(tmp_path, row, reason):
    with pytest.raises(Unusable, match=reason):
        read_plates(written(tmp_path, f"{SHAPED}{row}\n"))


def test_the_benchmark_alone_has_a_table_and_a_curve_without_dots(stress):
    table = written(stress.folder, f"{SHAPED}a,,,20,nafems-le1\n")
    done = stress("solve", "--plates", table, "--output", "{output}")
    made = stress("curve", "--parts", parts_of(stress.folder, [done]), "--output", "{output}")
    assert made.code == 0, (done.said, made.said)
    assert "circle" not in (made.output / "curve.svg").read_text()


def test_the_program_ends_with_the_reason(stress):
    table = written(stress.folder, f"{HEADER}a,1,9,1\n")
    done = stress("solve", "--plates", table, "--output", "{output}")
    assert done.code == 1
    assert done.said.startswith("The plates were refused: line 2: ")
    assert not list(done.output.iterdir())


def test_without_a_plate_there_is_no_curve(stress):
    made = stress("curve", "--parts", parts_of(stress.folder, []), "--output", "{output}")
    assert made.code == 1
    assert "no plate was solved" in made.said
