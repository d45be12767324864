"""A table of plates of steel with holes of rising size, and NAFEMS LE1."""

_WIDTH, _TENSION = 100, 80
_DIAMETERS = (5, 10, 15, 20, 25, 30, 35, 40, 45, 50)


def holes() -> bytes:
    """Return the table: lengths in mm, the tension in MPa."""
    rows = [f"hole-{diameter},hole,{_WIDTH},{diameter},{_TENSION}" for diameter in _DIAMETERS]
    benchmark = "le1,nafems-le1,,,10"
    return "\n".join(["name,shape,width,diameter,tension", *rows, benchmark, ""]).encode()
