mkdir r; attrib export r --format csv
