attrib fit --modle m
