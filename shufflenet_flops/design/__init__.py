"""The inverse questions: networks fitted to a budget, and design spaces swept."""
