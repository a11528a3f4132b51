attrib rerun --help
