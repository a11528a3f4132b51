attrib self --model m --corpus c --strategy identity --eigen-precision f32
