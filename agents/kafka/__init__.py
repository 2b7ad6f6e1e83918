"""What goes under Faust 0.15.3 and aiokafka 0.14: one file a concern, each with its test on a real broker."""
