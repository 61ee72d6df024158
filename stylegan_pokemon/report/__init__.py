"""Pages about run directories: report.html and the comparison of runs. Reads files, never networks."""

from stylegan_pokemon.report.comparison import compare
from stylegan_pokemon.report.page import write_report

__all__ = ["compare", "write_report"]
