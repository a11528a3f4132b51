attrib export run1 run2 --format csv
