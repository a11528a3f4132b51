attrib score --help
