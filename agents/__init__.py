"""What happens: Faust, HTTP, clock, dice, metrics, the command line."""
