"""Making a data set of one's own: imagery is tiled, photos get labels, and a card is written."""
