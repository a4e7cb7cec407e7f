"""What runs on the machines."""
