"""Time without running: an engine is measured once, and any network's time follows from its rows.

To import these modules takes neither torch nor scikit-learn nor an engine.
"""
