"""What is under `streams/template.py`: a dialect of Liquid whose every cost is counted."""
