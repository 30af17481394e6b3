"""Ready-made functions for one item, with what plans their work: thumbnails of photographs. Pillow is at home here."""
