"""Pairs that lie on the GPU as a whole, so that no step waits for a batch to be brought there."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from p2p_lib.data.pairs import PairedImages

SHARE = 0.25  # of the GPU's free memory; the rest is for networks and their activations
AT_ONCE = 256  # pairs that are copied together, since all of them may be more than the main memory


class ResidentPairs:
    """Batches of pairs out of the memory of `device`, equal to those of the `pairs` they are made from."""

    def __init__(self, pairs: PairedImages, device: torch.device) -> None:
        self.both = torch.empty(pairs.array.shape, dtype=torch.uint8, device=device)  # (N, 2, H, W, 3)
        for start in range(0, len(pairs), AT_ONCE):
            self.both[start : start + AT_ONCE] = torch.from_numpy(np.array(pairs.array[start : start + AT_ONCE]))

    def batch(self, indices: Iterable[int]) -> tuple[Tensor, Tensor]:
        """Sources and targets at `indices`: two uint8 tensors (N, 3, H, W) on the device."""
        chosen = torch.tensor(list(indices)).to(self.both.device, non_blocking=True)
        source, target = self.both[chosen].permute(1, 0, 4, 2, 3)
        return source, target

    def read_ahead(self, indices: Iterable[int]) -> None:
        """Everything is at hand."""


def batches_for(pairs: PairedImages, device: torch.device) -> PairedImages | ResidentPairs:
    """The pairs on the GPU, where one trains and they fit; else, and where they make batches in a way of their own, as they are."""
    if device.type != "cuda" or type(pairs) is not PairedImages:
        return pairs
    free, _ = torch.cuda.mem_get_info(device)
    return ResidentPairs(pairs, device) if pairs.array.nbytes < SHARE * free else pairs
