"""Tiles make the picture that is rendered whole, and a scene reaches nothing but itself."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cli.samples import scene as samples
from task_scripts.render import tile as tiles
from task_scripts.render.picture import Picture, Unusable, below_each_other, read_ppm, write_png
from tests.depth import more
from tests.needs import rendering
from tests.workloads.pixels import differing, png
from tests.workloads.programs import SCRIPTS, Done, Program, Start, parts_of

WIDTH, HEIGHT = 96, 54
# Of a tile against the whole: so many pixels may differ, and so much in a colour.
PIXELS, COLOUR = 0.001, 8


@pytest.fixture
def render(program: Start) -> Program:
    rendering()
    return program("render")


def tile(render: Program, scene: Path, rows: tuple[int, int], smooth: str = "true") -> Done:
    size = ("--width", WIDTH, "--height", HEIGHT, "--smooth", smooth)
    start, end = rows
    return render(
        "tile", "--scene", scene, *size, "--start", start, "--end", end, "--output", "{output}"
    )


LINE = "File '/etc/passwd' line 1: Parse Error: Cannot open include file\n /etc/passwd.\n"
HEADING = f"==== [Parsing...] {'=' * 58}\n"
END = "Fatal error in parser: Cannot parse input.\nRender failed\n\n"


@pytest.mark.parametrize("said", [HEADING + LINE + END, LINE + HEADING + END, LINE + END])
def test_the_reason_is_found_before_and_after_the_heading_that_another_thread_prints(said):
    reason = "File '/etc/passwd' line 1: Parse Error: Cannot open include file /etc/passwd"
    assert tiles._reason(f"POV-Ray\n  Warning Stream to console.......On \n{said}") == reason


def written(folder: Path, text: str) -> Path:
    path = folder / "given.pov"
    path.write_text(f"#version 3.7;\n{text}\n")
    return path


@pytest.mark.parametrize("smooth", more(["true"], ["true", "false"]))
def test_tiles_make_the_picture_that_is_rendered_whole(render, smooth):
    scene = render.folder / "columns.pov"
    scene.write_bytes(samples.columns())
    whole = tile(render, scene, (0, HEIGHT), smooth)
    tiles = [tile(render, scene, rows, smooth) for rows in ((0, 13), (13, 30), (30, HEIGHT))]
    assert [done.code for done in (whole, *tiles)] == [0] * 4, tiles
    made = render(
        "composite", "--parts", parts_of(render.folder, tiles), "--width", WIDTH,
        "--height", HEIGHT, "--output", "{output}",
    )  # fmt: skip
    assert made.code == 0, made.said
    apart = differing(png(made.output / "picture.png"), read_ppm(whole.output / "tile.ppm"))
    assert len(apart) <= PIXELS * WIDTH * HEIGHT
    assert max(apart, default=0) <= COLOUR


@pytest.mark.parametrize(
    ("scene", "reason"),
    [
        ('#include "missing.inc"', "Cannot open include file missing.inc"),
        ('#include "{secret}"', "Cannot open include file {secret}"),
        ('#include "../../../../../../../../../..{secret}"', "Cannot open include file ../.."),
        ('#include concat("/etc/", "passwd")', "Cannot open include file /etc/passwd"),
        ('#fopen F "{secret}" read', "Cannot open user file {secret} (read)"),
        ('#fopen F "{secret}" append', "Cannot open user file {secret} (append)"),
        ('plane {{ y, 0 pigment {{ image_map {{ png "{secret}" }} }} }}', "{secret}"),
        ("roses are red", "undeclared identifier 'roses' found instead"),
        ("sphere {{ 0, 1", "No matching }} in 'sphere'"),
        ('#error "by itself"', "by itself"),
    ],
)
def test_a_scene_that_cannot_be_rendered_ends_with_the_name_of_what_is_wrong(render, scene, reason):
    secret = render.folder / "secret.inc"
    secret.write_text("// nothing that a stranger may see\n")
    path = written(render.folder, scene.format(secret=secret))
    done = tile(render, path, (0, 4))
    assert done.code == 1
    assert done.said.startswith("Rows 0 to 4 were not rendered: POV-Ray said: ")
    assert reason.format(secret=secret) in done.said
    assert "Traceback" not in done.said
    assert secret.read_text() == "// nothing that a stranger may see\n"


def test_a_scene_may_write_in_its_own_folder_and_use_the_library(render):
    text = '#include "colors.inc"\n#fopen F "own.txt" write\nplane { y, -1 pigment { White } }'
    assert tile(render, written(render.folder, text), (0, 4)).code == 0


def test_a_node_without_pov_ray_names_the_packages(program):
    render = program("render")
    scene = written(render.folder, "plane { y, -1 }")
    done = render(
        "tile", "--scene", scene, "--width", 9, "--height", 9, "--start", 0, "--end", 9,
        "--output", "{output}", PATH=str(render.folder),
    )  # fmt: skip
    assert done.code == 1
    assert "the Debian packages povray and povray-includes" in done.said


def test_what_is_not_named_cannot_be_read_behind_the_fence(tmp_path):
    (tmp_path / "open").mkdir()
    for name in ("open/a", "b"):
        (tmp_path / name).write_text("x")
    look = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]); import fence\n"
        "fence.fence([], [Path('open')])\n"
        "Path('open/new').write_text(Path('open/a').read_text())\n"
        "try: Path('b').read_text()\n"
        "except PermissionError: print('denied')"
    )
    command = [sys.executable, "-c", look, str(SCRIPTS / "render")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == "denied\n", done.stderr


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"P6\n2 1\n255\n12345", "2 x 1 pixels that it says"),
        (b"P6\n999999 999999\n255\n", "pixels that it says"),
        (b"P3\n1 1\n255\n123", "not a PPM"),
        (b"", "not a PPM"),
    ],
)
def test_a_tile_that_is_no_picture_is_refused(tmp_path, content, reason):
    path = tmp_path / "tile.ppm"
    path.write_bytes(content)
    with pytest.raises(Unusable, match=reason):
        read_ppm(path)


def test_tiles_of_different_widths_are_refused(tmp_path):
    with pytest.raises(Unusable, match="different widths"):
        below_each_other([Picture(1, 1, b"abc"), Picture(2, 1, b"abcdef")])


def test_a_missing_row_leaves_no_picture(program, tmp_path):
    (tmp_path / "tile.ppm").write_bytes(b"P6\n1 1\n255\nabc")
    done = Done(0, "", tmp_path / "tiles")
    done.output.mkdir()
    (tmp_path / "tile.ppm").rename(done.output / "tile.ppm")
    made = program("render")(
        "composite", "--parts", parts_of(tmp_path, [done]), "--width", 1, "--height", 2,
        "--output", "{output}",
    )  # fmt: skip
    assert made.code == 1
    assert "the tiles make 1 x 1 pixels, not 1 x 2" in made.said


def test_the_written_picture_has_every_pixel(tmp_path):
    picture = Picture(2, 2, bytes(range(0, 240, 20)))
    write_png(tmp_path / "a.png", picture)
    assert png(tmp_path / "a.png") == picture
