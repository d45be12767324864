"""Programs of the pipeline render: ray-trace rows of a scene, and put the tiles together."""
