"""Integrators and samplers: plain functions with one signature."""
