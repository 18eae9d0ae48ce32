"""reports/prediction.md: how well `predict` tells the time of published networks."""
