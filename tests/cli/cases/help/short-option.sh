attrib -h | cmp - <(attrib --help) && attrib help | cmp - <(attrib --help)
