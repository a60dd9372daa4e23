"""What a run is, as data: no file is opened here.

`Run` holds `Series`; a `Series` is drawn through a `View`; a reader hands over a `Batch` at a time;
`Diagnostic` says what could not be read. `keys` knows which key a user means.
"""
