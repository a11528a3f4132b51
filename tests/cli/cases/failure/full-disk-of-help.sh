attrib fit --help >/dev/full
