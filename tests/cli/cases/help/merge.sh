attrib merge --help
