"""What the templates about configuration need."""
