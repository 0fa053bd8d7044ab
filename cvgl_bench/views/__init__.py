"""One image at a time: reading, augmenting, and turning a panorama into a bird's-eye view."""
