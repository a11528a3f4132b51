attrib plan --help
