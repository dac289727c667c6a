"""What runs in the training and evaluation jobs: features, model, fit, export, evaluation."""
