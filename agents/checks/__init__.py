"""What `postcall doctor` looks at, one file a concern; each looks and changes nothing."""
