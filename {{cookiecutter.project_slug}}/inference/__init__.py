"""What runs in the endpoint: encode a request, predict, answer."""
