"""A scene for POV-Ray: a mirroring ball in a ring of columns, over a chequered floor."""

_COLUMNS = """\
// Rendered by `fanfare run render columns.pov`, or by `povray columns.pov`.
#version 3.7;
#include "colors.inc"
global_settings { assumed_gamma 1.0 max_trace_level 6 }

camera {
  location <0, 2.2, -7> look_at <0, 0.9, 0> angle 42 right x*image_width/image_height
}
light_source { <6, 9, -8> rgb 1.1 }
light_source { <-7, 5, -4> rgb 0.35 shadowless }
sky_sphere {
  pigment { gradient y color_map { [0 rgb <0.75, 0.85, 1>] [1 rgb <0.2, 0.4, 0.8>] } }
}

plane { y, 0
  pigment { checker rgb 0.95 rgb <0.2, 0.25, 0.3> }
  finish { reflection 0.15 }
}
#declare Colours = seed(7);
#for (Number, 0, 8)
  #local Angle = Number * 2 * pi / 9;
  cylinder { <2.6*cos(Angle), 0, 2.6*sin(Angle)>, <2.6*cos(Angle), 1.6, 2.6*sin(Angle)>, 0.22
    pigment { rgb <rand(Colours), rand(Colours), rand(Colours)> }
    finish { phong 0.8 }
  }
#end
sphere { <0, 1.1, 0>, 1.1
  pigment { White }
  finish { reflection 0.6 specular 0.7 }
}
torus { 1.5, 0.12
  pigment { rgb <1, 0.6, 0.1> }
  finish { metallic reflection 0.3 }
  translate y*0.9
}
"""


def columns() -> bytes:
    """Return the scene."""
    return _COLUMNS.encode()
