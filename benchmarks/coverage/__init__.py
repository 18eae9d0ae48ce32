"""Other people's models, all of them: our MACs against torch's own counter."""
