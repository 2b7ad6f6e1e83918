"""What is wrong with documents beyond their shape: the graph, and what templates name."""
