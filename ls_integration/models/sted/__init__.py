"""What a STED image is described by: counts, spectrum, foreground, bands, ridges, textures."""
