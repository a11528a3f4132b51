attrib score --help --model | sed -n 1p
