# Self-influences are of no query.
attrib show r --by self --query 1
