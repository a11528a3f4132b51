attrib help fit | cmp - <(attrib fit --help) && attrib fit -h | cmp - <(attrib fit --help)
