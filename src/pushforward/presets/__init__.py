"""Presets: functions that return an Experiment."""
