attrib show --help
