"""Access rules: which requests are served, who may post, and how much one client may use."""
