"""The exhibits: what is made of a study's runs and fits, and how it is shown.

A module is a subject: the settings that a study may give, the analysis, the figures, their titles
and captions. `isoloss.config.exhibits` says which module has which analyses and figures.
"""
