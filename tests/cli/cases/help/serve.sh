attrib serve --help
