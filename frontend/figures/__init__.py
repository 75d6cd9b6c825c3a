"""Pictures as SVG geometry: numbers in, places and texts out; the templates of ``figure/`` draw them.

Nothing here knows a style: marks get classes, ``hub/figures.css`` gives them colours. Each picture has titles that show
where the pointer rests, and a table that holds the same numbers.
"""
