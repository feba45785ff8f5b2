"""Real documents of each kind, and what words they hold by a reader that is none of those measured.

A module here has `FORMATS`, `gather(folder) -> list[Path]`, which brings the documents from the
package registries into a folder, and `reference_words(path) -> list[str]`.
"""
