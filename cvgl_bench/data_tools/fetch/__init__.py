"""Getting a data set's pixels: overhead tiles and panoramas, politely, resumably, never half-written."""
