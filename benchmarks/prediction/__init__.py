"""reports/prediction.md: how well `predict` tells the time of networks that it has not seen."""
