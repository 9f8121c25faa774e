"""From files to batches of pairs: `load` a dataset of the catalog, or your own with `PairedImages`."""

from p2p_lib.data.catalog import CATALOG, Dataset
from p2p_lib.data.loading import load
from p2p_lib.data.pairs import PairedImages

__all__ = ["CATALOG", "Dataset", "PairedImages", "load"]
