attrib score --damping 1e300 --model m --factors f --corpus c --queries q -o r
