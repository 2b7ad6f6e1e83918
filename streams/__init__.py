"""What should happen: the rules, pure. `now` and `luck` are arguments; nothing here acts."""
