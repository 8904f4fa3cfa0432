"""What the book costs: `make bench` prints the tables and stores the figures in results/."""
