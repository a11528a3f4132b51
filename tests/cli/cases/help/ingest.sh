attrib ingest --help
