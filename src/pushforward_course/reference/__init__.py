"""Pages that are written at the build: the API, the systems of the catalogue, the map, the docs."""
