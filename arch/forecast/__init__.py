"""Forecasting: the past of a series in, its future out. Networks, statistical methods as layers, heads."""
