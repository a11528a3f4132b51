attrib score --help --model | head -n 1
