"""Read presentations (PresentationML and DrawingML, ECMA-376 part 1, 19 to 21)."""
