"""Bijections: data to noise by `forward`, noise to data by `inverse`, each with log_det."""
