attrib fit --no-eos=yes
