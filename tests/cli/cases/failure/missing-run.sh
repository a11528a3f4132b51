attrib export missing --format csv
