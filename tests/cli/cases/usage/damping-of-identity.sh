attrib score --model m --factors f --corpus c --queries q -o r --strategy identity --damping 1
