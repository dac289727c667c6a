"""What data must look like, who checks it, and how rows are split."""
