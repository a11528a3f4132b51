attrib --version && attrib fit --version
